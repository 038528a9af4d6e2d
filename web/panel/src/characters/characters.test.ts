import { describe, expect, it } from 'vitest'

import type { Character, Job, Lora, Picture } from '../api/types'
import { standingOf } from './overview'

const ada = { id: 'ada', photos: 12 } as Character
const job = (state: Job['state'], character = 'ada'): Job => ({ state, character }) as Job
const lora = { character: 'ada', present: true } as Lora

describe('a card', () => {
  it.each<[string, Character, Job[], Lora[], string]>([
    ['a new character', { ...ada, photos: 0 }, [], [], 'card.noPhotos'],
    ['photos', ada, [job('done', 'bo')], [], 'photos.count'],
    ['a training', ada, [job('training'), job('failed')], [lora], 'state.training'],
    ['a training that waits', ada, [job('queued')], [], 'card.waits'],
    ['a training that was stopped', ada, [job('paused')], [lora], 'state.paused'],
    ['a training that failed', ada, [job('failed')], [], 'card.failed'],
    ['a LoRA', ada, [job('done')], [lora], 'card.trained'],
    ['a LoRA whose file is gone', ada, [job('done')], [{ ...lora, present: false }], 'photos.count'],
  ])('of %s says so', (_, character, jobs, loras, key) => expect(standingOf(character, jobs, loras, []).key).toBe(key))

  it('shows the latest picture of its own character', () => {
    const pictures = [{ id: 'p3', characters: ['bo'] }, { id: 'p2', characters: ['bo', 'ada'] }, { id: 'p1', characters: ['ada'] }] as Picture[]
    expect(standingOf(ada, [], [], pictures).latest).toBe('p2')
    expect(standingOf(ada, [], [], []).latest).toBe('')
  })
})
