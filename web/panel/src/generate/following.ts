/** One generation as it goes on: which pictures are done, how far the present one is, its preview. Plain functions. */

import type { Generation } from '../api/types'
import type { Preferences } from '../host'
import { problemOf, saidOf, type Problem, type Said } from '../i18n/server'

export interface Making {
  id: string
  count: number
  state: Generation['state']
  phase: 'queued' | 'loading' | 'making' | 'over'
  /** Why it waits, if it is not only the order. */
  reason: Said
  step: number
  steps: number
  /** A JPEG as data address; empty until the first came. */
  preview: string
  done: string[]
  error: Problem | null
}

export function made(generation: Generation): Making {
  const { progress, error } = generation
  const over = ['done', 'cancelled', 'failed'].includes(generation.state)
  return {
    id: generation.id,
    count: generation.count,
    state: generation.state,
    phase: over ? 'over' : generation.state === 'queued' ? 'queued' : progress ? 'making' : 'loading',
    reason: generation.said,
    step: progress?.step ?? 0,
    steps: progress?.steps ?? 0,
    preview: '',
    done: [...generation.pictures],
    error: (error as Making['error']) ?? null,
  }
}

/** Whether something is a whole JPEG in base64. */
const isJpeg = (text: unknown): text is string => typeof text === 'string' && /^\/9j\/[A-Za-z0-9+/]*={0,2}$/.test(text) && text.length % 4 === 0

/** What follows from an event of the generation's stream. */
export function advanced(before: Making, kind: string, data: Record<string, unknown>): Making {
  switch (kind) {
    case 'queued':
      return { ...before, phase: 'queued', state: 'queued', reason: saidOf(data) }
    case 'loading':
      return { ...before, phase: 'loading', state: 'running' }
    case 'progress':
      return { ...before, phase: 'making', state: 'running', step: Number(data.step ?? 0), steps: Number(data.steps ?? 0) }
    case 'preview':
      return isJpeg(data.image) ? { ...before, preview: `data:image/jpeg;base64,${data.image}` } : before
    case 'picture': {
      const id = String(data.id ?? '')
      return before.done.includes(id) ? before : { ...before, done: [...before.done, id], preview: '', step: 0 }
    }
    case 'done':
    case 'cancelled':
      return { ...before, phase: 'over', state: kind }
    case 'failed':
      return {
        ...before,
        phase: 'over',
        state: 'failed',
        error: problemOf(data),
      }
    default:
      return before
  }
}

const CALM_MS = 2000

/** Whether a preview is shown, so many milliseconds after the last one. */
export const mayPreview = (how: Preferences['previews'], since: number): boolean => how === 'each' || (how === 'calm' && since >= CALM_MS)

export const KINDS = ['queued', 'loading', 'progress', 'preview', 'warning', 'picture', 'done', 'cancelled', 'failed'] as const

/** Whom a generation's settings show, as ids. */
export function charactersOf(settings: Record<string, unknown>): string[] {
  const loras = (settings.loras as { character?: string }[] | undefined) ?? []
  return loras.map(({ character }) => character ?? '').filter(Boolean)
}
