/** What happened to a training, in the order it happened, as lines for people. Plain functions of its events. */

import type { JobState } from '../api/types'
import { problemOf, saidOf, type Problem, type Said } from '../i18n/server'
import type { Key } from '../i18n/words'

export interface Line {
  /** Number of the event. */
  seq: number
  time: string
  /** What is said; `said` or `problem` instead where the server found the words. */
  key: Key | null
  values: Record<string, number>
  said: Said | null
  problem: Problem | null
  level: 'plain' | 'look' | 'bad'
}

const ENDS: readonly JobState[] = ['done', 'paused', 'cancelled', 'interrupted', 'failed']

function ofState(state: JobState, step: number): Pick<Line, 'key' | 'level'> | null {
  if (state === 'preparing') return { key: 'story.preparing', level: 'plain' }
  if (state === 'training') return { key: step > 0 ? 'story.goesOn' : 'story.training', level: 'plain' }
  if (!ENDS.includes(state)) return null
  return { key: `ended.${state}` as Key, level: state === 'failed' ? 'bad' : state === 'done' ? 'plain' : 'look' }
}

/** The lines with one event more. Losses and progress tell nothing here; the samples of one step are one line. */
export function told(lines: readonly Line[], event: Record<string, unknown>): Line[] {
  const seq = Number(event.seq)
  const last = lines.at(-1)
  if (last && seq <= last.seq) return [...lines]
  const step = Number(event.step ?? 0)
  const line = { seq, time: String(event.time ?? ''), values: { n: step }, said: null, problem: null, level: 'plain' as const }
  switch (event.type) {
    case 'state': {
      const found = ofState(event.state as JobState, step)
      return found ? [...lines, { ...line, ...found }] : [...lines]
    }
    case 'sample': {
      if (last?.key === 'story.sample' && last.values.n === step) return [...lines.slice(0, -1), { ...last, seq }]
      return [...lines, { ...line, key: 'story.sample' }]
    }
    case 'checkpoint':
      return [...lines, { ...line, key: 'story.saved' }]
    case 'warning':
      return [...lines, { ...line, key: null, said: saidOf(event), level: 'look' }]
    case 'error':
      return [...lines, { ...line, key: null, problem: problemOf(event), level: 'bad' }]
    default:
      return [...lines]
  }
}
