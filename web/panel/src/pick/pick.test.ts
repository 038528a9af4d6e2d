import { describe, expect, it } from 'vitest'

import type { Artifact, Picture } from '../api/types'
import { cellsOf, questionsOf, wishFor } from './compare'
import { likenessAt, recommendation, rowsOf } from './grid'

describe('choosing a checkpoint', () => {
  const artifacts = [
    { kind: 'sample', step: 0, index: 0, url: 'a' }, { kind: 'sample', step: 5, index: 1, url: 'b' }, { kind: 'checkpoint', step: 5, index: null, url: 'c' },
  ] as Artifact[]

  it('has a row a step and a column a prompt', () => {
    expect(rowsOf(artifacts, 2).map(({ step, kept, samples }) => [step, kept, samples.map((one) => one?.url)])).toEqual([
      [0, false, ['a', undefined]],
      [5, true, [undefined, 'b']],
    ])
  })

  it('recommends only what was measured', () => {
    const lora = (step: number, likeness?: number) => ({ job: 'j', step, scores: likeness === undefined ? null : { likeness } }) as never
    expect(recommendation([lora(5), lora(9)], { id: 'j' })).toBeNull()
    expect(recommendation([lora(5, 0.8), lora(9, 0.6)], { id: 'j' })).toEqual({ step: 5, likeness: 0.8 })
    expect(likenessAt([lora(5, 0.8)], { id: 'j' }, 5)).toBe(0.8)
    expect(likenessAt([lora(5, 0.8)], { id: 'other' }, 5)).toBeNull()
  })
})

describe('comparing checkpoints', () => {
  const question = { prompt: '{trigger} p', seed: 7 }
  const settings = (lora: string, strength: number, seed = 7) => ({ prompt: '{trigger} p', seed, loras: [{ lora, strength }] })
  const picture = (id: string, values: Record<string, unknown>) => ({ id, settings: values }) as unknown as Picture
  const loraOf = (step: number): string => (step === 9 ? '' : `lora${step}`)

  it('finds what is there by LoRA, strength, prompt and seed', () => {
    const pictures = [picture('a', settings('lora5', 0.8)), picture('b', settings('lora5', 1, 8)), picture('c', settings('', 1))]
    const open = [{ state: 'queued' as const, settings: settings('lora5', 1) }, { state: 'done' as const, settings: settings('lora5', 0.6) }]
    const cells = cellsOf([5, 9], [0.6, 0.8, 1], question, loraOf, pictures, open)
    expect(cells[0]!.map(({ picture: found, making }) => [found?.id ?? null, making])).toEqual([[null, false], ['a', false], [null, true]])
    expect(cells[1]!.every(({ picture: found, making }) => !found && !making)).toBe(true)
  })

  it('asks with the seeds of the samples, for prompts that show the character', () => {
    const job = { settings: { sample_prompts: ['{trigger} a', 'b', '{trigger} c'], sample_seed: 3 } }
    expect(questionsOf(job)).toEqual([{ prompt: '{trigger} a', seed: 3 }, { prompt: '{trigger} c', seed: 5 }])
    expect(wishFor('ada', 'l', 0.8, question)).toEqual({ character: 'ada', lora: 'l', strength: 0.8, prompt: '{trigger} p', seed: 7, count: 1 })
  })
})
