import { describe, expect, it } from 'vitest'

import type { Artifact, Likeness, Picture } from '../api/types'
import { cellsOf, questionsOf, wishFor } from './compare'
import { rowsOf } from './grid'
import { leakOf, likenessAt } from './likeness'

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

  it('tells likeness and leak only where they were measured', () => {
    const step = (at: number, likeness: number | null, leak: number | null = null) => ({ step: at, likeness, leak, seen: 1, pictures: 1 })
    const found = (steps: ReturnType<typeof step>[]) => ({ steps, recommended: null }) as unknown as Likeness
    expect(likenessAt(found([step(5, 0.8)]), 5)).toBe(0.8)
    expect(likenessAt(found([step(5, null)]), 5)).toBeNull()
    expect(likenessAt(null, 5)).toBeNull()
    expect(leakOf(found([step(0, 0.1, 0.2), step(5, 0.8), step(9, 0.9, 0.6)]))).toEqual({ before: 0.2, after: 0.6 })
    expect(leakOf(found([step(5, 0.8, 0.5), step(9, 0.9, 0.6)]))).toBeNull()
    expect(leakOf(found([step(0, 0.1, 0.2)]))).toBeNull()
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
