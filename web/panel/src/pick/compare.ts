/** Checkpoints beside each other at the same seed and several strengths: which pictures are wanted, and which are there. */

import type { Generation, Job, NewGeneration, Picture } from '../api/types'

export const STRENGTHS = [0.6, 0.8, 1, 1.2] as const

export interface Cell {
  step: number
  strength: number
  /** The LoRA of that step; empty as long as it was not kept. */
  lora: string
  picture: Picture | null
  /** Whether it is being made. */
  making: boolean
}

/** What decides a picture of the comparison, beside LoRA and strength. */
export interface Question {
  prompt: string
  seed: number
}

type Settings = Record<string, unknown>
const close = (one: number, other: number): boolean => Math.abs(one - other) < 1e-6

function isAnswer(settings: Settings, { prompt, seed }: Question, lora: string, strength: number): boolean {
  const [use] = (settings.loras as { lora?: string; strength?: number }[] | undefined) ?? []
  return lora !== '' && use?.lora === lora && close(use.strength ?? -1, strength) && settings.prompt === prompt && settings.seed === seed
}

/** All wanted cells, with what is there of them. `loraOf` knows the LoRA of a step. */
export function cellsOf(
  steps: readonly number[],
  strengths: readonly number[],
  question: Question,
  loraOf: (step: number) => string,
  pictures: readonly Picture[],
  generations: readonly Pick<Generation, 'state' | 'settings'>[],
): Cell[][] {
  const open = generations.filter(({ state }) => state === 'queued' || state === 'running')
  return steps.map((step) => {
    const lora = loraOf(step)
    return strengths.map((strength) => ({
      step,
      strength,
      lora,
      picture: pictures.find(({ settings }) => isAnswer(settings, question, lora, strength)) ?? null,
      making: open.some(({ settings }) => isAnswer(settings, question, lora, strength)),
    }))
  })
}

/** The sample prompts that show the character, with the seeds that its samples have. */
export function questionsOf(job: Pick<Job, 'settings'>): Question[] {
  const prompts = (job.settings.sample_prompts as string[] | undefined) ?? []
  const first = Number(job.settings.sample_seed ?? 7)
  return prompts.map((prompt, index) => ({ prompt, seed: first + index })).filter(({ prompt }) => prompt.includes('{trigger}'))
}

/** The request that makes a cell's picture. */
export const wishFor = (character: string, lora: string, strength: number, question: Question): NewGeneration => ({
  character,
  lora,
  strength,
  prompt: question.prompt,
  seed: question.seed,
  count: 1,
})
