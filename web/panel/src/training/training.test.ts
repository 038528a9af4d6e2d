import { describe, expect, it } from 'vitest'

import type { Artifact, Job, Loss, Plan, PresetName, Setting } from '../api/types'
import { shownRange } from './chart'
import { begin, followed, sampledSteps } from './follow'
import { barOf, happening, shareOf } from './happening'
import { recommendedPreset } from './outlook'
import { heading } from './prompts'
import { asText, fromText, inRange, withChange } from './settings'
import { told, type Line } from './story'
import { translated } from './texts'
import arabic from './texts/ar.json'
import german from './texts/de.json'
import chinese from './texts/zh.json'
import { fixFor, lighter, mayGoOn, wayOut } from './ways'

describe('following a training', () => {
  const job = { state: 'training', step: 4, steps: 10, warnings: [] } as unknown as Job
  const loss: Loss = { steps: [1, 2, 3, 4], loss: [4, 3, 2, 1], smoothed: [4, 3.5, 3, 2.5], learning_rate: [], seen: 4, last_event: 9 }
  const artifacts = [
    { kind: 'sample', step: 4, index: 1, url: 'u41' }, { kind: 'sample', step: 0, index: 0, url: 'u00' }, { kind: 'checkpoint', step: 4, index: null, url: 'c' },
  ] as Artifact[]
  const start = begin(job, loss, artifacts)

  it('begins with what is there', () => {
    expect(start.samples.map(({ url }) => url)).toEqual(['u00', 'u41'])
    expect(start.checkpoints).toEqual([4])
    expect(sampledSteps(start.samples)).toEqual([0, 4])
  })

  it('takes back steps that come again after a resume', () => {
    const next = followed(start, { type: 'loss', step: 3, loss: 9, smoothed: 8 }, String)
    expect([next.steps, next.loss]).toEqual([[1, 2, 3], [4, 3, 9]])
  })

  it('adds samples, checkpoints and warnings as they come', () => {
    let now = followed(start, { type: 'sample', step: 8, index: 0, file: 'samples/s.png' }, (file) => `/x/${file}`)
    now = followed(now, { type: 'checkpoint', step: 8 }, String)
    now = followed(now, { type: 'warning', message: 'careful' }, String)
    expect(now.samples.at(-1)).toEqual({ step: 8, index: 0, url: '/x/samples/s.png' })
    expect([now.checkpoints, now.warnings.map(({ message }) => message)]).toEqual([[4, 8], ['careful']])
    expect(followed(now, { type: 'state', state: 'done' }, String).state).toBe('done')
  })

  it('leads out of a failure', () => {
    const failed = (code: string, settings: Record<string, unknown> = {}): string => wayOut({ error: { code, message: '', hint: '', details: null }, settings, can_resume: true } as never).kind
    expect(failed('GPU_MEMORY_FULL')).toBe('less-memory')
    expect(failed('PHOTO_UNREADABLE')).toBe('photos')
    expect(failed('MODEL_MISSING')).toBe('setup')
    expect(failed('DISK_FULL')).toBe('room')
    expect(failed('LOSS_NOT_FINITE', { learning_rate: 1e-3 })).toBe('gentler')
    expect(failed('INTERNAL')).toBe('resume')
    expect(lighter({ gradient_checkpointing: true, resolutions: [512, 1024] })).toEqual({ resolutions: [512] })
    expect(lighter({ gradient_checkpointing: true, resolutions: [512], base_weights: 'full' })).toEqual({ base_weights: 'auto' })
    expect(lighter({ gradient_checkpointing: true, resolutions: [512], batch_size: 1 })).toBeNull()
  })
})

describe('settings', () => {
  const setting = (values: Partial<Setting>): Setting => ({ name: 'x', type: 'whole number', default: 1, help: '', unit: '', least: 1, most: 10, choices: [], ...values }) as Setting

  it('are read from what was typed', () => {
    expect(fromText(setting({}), ' 7 ')).toBe(7)
    expect(fromText(setting({}), '7.5')).toBeNull()
    expect(fromText(setting({ type: 'number' }), '1e-4')).toBe(0.0001)
    expect(fromText(setting({ type: 'list of whole numbers' }), '512, 768')).toEqual([512, 768])
    expect(fromText(setting({ type: 'list of texts' }), 'a\n\n b ')).toEqual(['a', 'b'])
    expect(asText(setting({ type: 'list of texts' }), ['a', 'b'])).toBe('a\nb')
  })

  it('are held to their range, and marked only if they differ', () => {
    expect(inRange(setting({}), 11)).toBe(false)
    expect(inRange(setting({ most: null }), 11)).toBe(true)
    expect(withChange({ y: 1 }, 'x', 3, 2)).toEqual({ y: 1, x: 3 })
    expect(withChange({ x: 3 }, 'x', 2, 2)).toEqual({})
  })
})

describe('the story of a training', () => {
  const tell = (events: Record<string, unknown>[]): Line[] => events.reduce<Line[]>((lines, event, place) => told(lines, { seq: place + 1, ...event }), [])

  it('is told in the order it happened, the samples of a step as one line', () => {
    const lines = tell([
      { type: 'state', state: 'preparing' }, { type: 'progress', phase: 'encode' }, { type: 'state', state: 'training', step: 0 },
      { type: 'sample', step: 4, index: 0 }, { type: 'sample', step: 4, index: 1 }, { type: 'checkpoint', step: 4 }, { type: 'loss', step: 5 },
      { type: 'state', state: 'paused', step: 5 }, { type: 'state', state: 'training', step: 5 }, { type: 'error', message: 'm', hint: 'h' },
    ])
    expect(lines.map(({ key, problem, level }) => [key ?? `${problem!.message} ${problem!.hint}`, level])).toEqual([
      ['story.preparing', 'plain'], ['story.training', 'plain'], ['story.sample', 'plain'], ['story.saved', 'plain'],
      ['ended.paused', 'look'], ['story.goesOn', 'plain'], ['m h', 'bad'],
    ])
  })

  it('tells nothing twice that came over two streams', () => {
    const lines = tell([{ type: 'checkpoint', step: 4 }])
    expect(told(lines, { seq: 1, type: 'checkpoint', step: 4 })).toEqual(lines)
  })
})

describe('what happens now', () => {
  const t = ((key: string, values: Record<string, unknown> = {}) => [key, ...Object.values(values)].join(' ')) as never
  const now = (state: Job['state'], phase: string): string =>
    happening({ state, step: 3, steps: 10, position: 2 } as Job, { state, progress: { phase, step: 4, steps: 10, done: 1, total: 5, secondsLeft: null } } as never, t)

  it('is said in words', () => {
    expect(now('queued', '')).toBe('happening.queued 2')
    expect(now('preparing', 'encode')).toBe('happening.encode 1 5')
    expect(now('training', 'train')).toBe('happening.train 4 10')
    expect(now('training', 'sample')).toBe('happening.sample')
    expect(now('paused', 'train')).toBe('ended.paused 3')
  })

  it('has a share that never goes beyond the whole', () => {
    expect(shareOf({ step: 12, steps: 10 } as Job, null)).toBe(1)
    expect(shareOf({ step: 0, steps: 0 } as Job, null)).toBe(0)
  })

  it('has a bar that counts photos, then steps, and moves by itself while nothing can be counted', () => {
    const bar = (phase: string, step: number, done: number): number | undefined =>
      barOf({ step, steps: 10 } as Job, { progress: { phase, step, steps: 10, done, total: 5 } } as never)
    expect([bar('encode', 0, 0), bar('encode', 0, 1), bar('sample', 0, 5), bar('train', 4, 0), bar('encode', 4, 1)]).toEqual([undefined, 0.2, undefined, 0.4, 0.4])
  })
})

describe('the loss chart', () => {
  it('shows all steps, their last part, or what somebody framed', () => {
    const steps = [0, 50, 100]
    expect(shownRange(steps, 'all')).toEqual({ min: 0, max: 100 })
    expect(shownRange(steps, 'half')).toEqual({ min: 50, max: 100 })
    expect(shownRange(steps, 'tenth')).toEqual({ min: 90, max: 100 })
    expect(shownRange(steps, 'own')).toBeNull()
    expect(shownRange([], 'all')).toEqual({ min: 0, max: 1 })
  })
})

describe('the recommended preset', () => {
  const outlook = (photos: number, onGpu: boolean, short: PresetName[] = [], family: 'mini' | 'flux1-dev' = 'flux1-dev'): PresetName => {
    const plan = (name: PresetName): Plan => ({ photos, cautions: short.includes(name) ? [{ code: 'MEMORY_SHORT' }] : [] }) as unknown as Plan
    return recommendedPreset({ family, onGpu, plans: { quick: plan('quick'), balanced: plan('balanced'), 'high-quality': plan('high-quality') } })
  }

  it('follows photos and machine', () => {
    expect(outlook(30, true)).toBe('high-quality')
    expect(outlook(30, false)).toBe('balanced')
    expect(outlook(30, true, ['high-quality'])).toBe('balanced')
    expect(outlook(30, true, ['high-quality', 'balanced'])).toBe('quick')
    expect(outlook(6, true)).toBe('quick')
    expect(outlook(30, true, [], 'mini')).toBe('quick')
  })
})

describe('ways and prompts', () => {
  it('lead to where an obstacle is mended', () => {
    expect([fixFor('PHOTOS_TOO_FEW'), fixFor('DISK_FULL'), fixFor('MODEL_MISSING'), fixFor('CONFIG_INVALID')]).toEqual(['photos', 'room', 'setup', null])
    expect(mayGoOn({ kind: 'room' }, true)).toBe(true)
    expect(mayGoOn({ kind: 'resume' }, true)).toBe(false)
  })

  it('are titled by what sets them apart', () => {
    expect(heading('{trigger} woman, smiling', 'Without Ada:', 'ohwx')).toBe('smiling')
    expect(heading('{trigger}', 'Without Ada:', 'ohwx')).toBe('ohwx')
    expect(heading('a dog', 'Without Ada:', 'ohwx')).toBe('Without Ada: a dog')
  })
})

describe('settings in other languages', () => {
  it('have the same names everywhere, and nothing empty', () => {
    for (const texts of [german, chinese, arabic]) {
      expect(Object.keys(texts.settings)).toEqual(Object.keys(german.settings))
      expect(Object.keys(texts.units)).toEqual(Object.keys(german.units))
      for (const { name, help } of Object.values(texts.settings)) expect(name && help).toBeTruthy()
    }
  })

  it('keep the server\'s words where they have none', () => {
    const setting = { name: 'learning_rate', help: 'h', unit: 'photos' } as Setting
    expect(translated(setting, german)).toMatchObject({ label: 'Lernrate', unit: 'Fotos' })
    expect(translated({ ...setting, name: 'new_one', unit: 'x' }, german)).toMatchObject({ label: 'new one', help: 'h', unit: 'x' })
  })
})
