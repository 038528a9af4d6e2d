import { describe, expect, it } from 'vitest'

import type { Job } from '../api/types'
import { baseFor } from '../host'
import { addressOf, parseRoute, type Route } from './router'
import { progressAfter } from './running'
import { marksOf, nextOf, openingStep, type Facts } from './steps'
import { brightness } from './theme'

const NOTHING: Facts = { photos: 0, used: 0, flagged: 0, seen: false, job: null, trained: false, loras: 0, picked: false, pictures: 0 }
const job = (state: Job['state'], step = 0): Job => ({ id: 'j', state, step }) as Job

describe('addresses', () => {
  it.each<[string, Route]>([
    ['', { at: 'home' }],
    ['#/characters/ada/photos', { at: 'character', character: 'ada', step: 'photos' }],
    ['#/characters/a%2Fb', { at: 'character', character: 'a/b', step: null }],
    ['#/characters/ada/nowhere', { at: 'character', character: 'ada', step: null }],
    ['#/jobs/1', { at: 'jobs', id: '1' }],
    ['#/%', { at: 'home' }],
    ['#/what', { at: 'home' }],
  ])('%s is read', (address, route) => expect(parseRoute(address)).toEqual(route))

  it('come out as they went in', () => {
    const route: Route = { at: 'character', character: 'Ä b/c', step: 'train' }
    expect(parseRoute(addressOf(route))).toEqual(route)
  })
})

describe('the next step', () => {
  it.each<[string, Partial<Facts>, string, string]>([
    ['nothing', {}, 'photos', 'next.noPhotos'],
    ['few photos', { photos: 3, used: 3 }, 'photos', 'next.fewPhotos'],
    ['photos with findings', { photos: 20, used: 20, flagged: 4 }, 'report', 'next.flagged'],
    ['findings that were looked at', { photos: 20, used: 20, flagged: 4, seen: true }, 'train', 'next.ready'],
    ['good photos', { photos: 20, used: 20 }, 'train', 'next.ready'],
    ['a training under way', { photos: 20, used: 20, job: job('training') }, 'train', 'next.training'],
    ['a training that stopped', { photos: 20, used: 20, job: job('paused', 50) }, 'train', 'next.stopped'],
    ['a finished training', { photos: 20, used: 20, trained: true, loras: 1 }, 'pick', 'next.pick'],
    ['a chosen checkpoint', { photos: 20, used: 20, trained: true, loras: 1, picked: true }, 'generate', 'next.generate'],
    ['pictures', { photos: 20, used: 20, trained: true, loras: 1, pictures: 3 }, 'generate', 'next.more'],
  ])('with %s', (_, facts, step, why) => {
    const next = nextOf({ ...NOTHING, ...facts })
    expect([next.step, next.why]).toEqual([step, why])
    expect(openingStep({ ...NOTHING, ...facts })).toBe(step)
  })

  it('marks what waits and for what, and what is done', () => {
    expect(marksOf(NOTHING).map(({ state }) => state)).toEqual(['open', 'waiting', 'waiting', 'waiting', 'waiting'])
    const all = marksOf({ ...NOTHING, photos: 9, used: 9, trained: true, loras: 1, picked: true, pictures: 1 })
    expect(all.every(({ state }) => state === 'done')).toBe(true)
  })
})

describe('small things', () => {
  it('keeps what an event does not say', () => {
    const before = progressAfter(undefined, { phase: 'train', step: 3, steps: 10, seconds_left: 7 })
    expect(progressAfter(before, { phase: 'sample', done: 1, total: 4 })).toMatchObject({ phase: 'sample', step: 3, secondsLeft: 7, done: 1 })
  })

  it('knows dark from light', () => {
    expect(brightness('rgb(20, 20, 20)')).toBeLessThan(0.5)
    expect(brightness('rgba(255, 255, 255, 1)')).toBeGreaterThan(0.5)
    expect(brightness('rgba(0, 0, 0, 0)')).toBeNull()
  })

  it('finds the API behind both doors', () => {
    expect(baseFor('http://x:1/page.mjs')).toBe('/isengard')
    expect(baseFor('https://x/comfy/extensions/isengard/page.mjs')).toBe('/comfy/api/isengard')
  })
})
