/** What a training's events add up to: losses, samples, checkpoints, GPU, what happens now. Plain functions of events. */

import type { Artifact, Job, JobState, Loss } from '../api/types'
import { progressAfter, type Progress } from '../app/running'
import { saidOf, type Said } from '../i18n/server'

export interface Sample {
  step: number
  index: number
  url: string
}

export interface Gpu {
  name: string
  load: number | null
  memoryUsed: number | null
  memoryTotal: number | null
  temperature: number | null
}

export interface Followed {
  state: JobState
  progress: Progress
  steps: number[]
  loss: number[]
  smoothed: number[]
  samples: Sample[]
  checkpoints: number[]
  gpu: Gpu | null
  warnings: Said[]
  /** What was said last of each phase, for "what is happening". */
  said: string
  /** Number of the newest event that is known. */
  lastEvent: number
}

/** Where a job stands by what the server has of it. */
export function begin(job: Job, loss: Loss, artifacts: readonly Artifact[]): Followed {
  return {
    state: job.state,
    progress: { phase: '', step: job.step, steps: job.steps, done: 0, total: 0, secondsLeft: null },
    steps: [...loss.steps],
    loss: [...loss.loss],
    smoothed: [...loss.smoothed],
    samples: samplesOf(artifacts),
    checkpoints: artifacts.filter(({ kind, step }) => kind === 'checkpoint' && step !== null).map(({ step }) => step as number),
    gpu: null,
    warnings: [...job.warnings],
    said: '',
    lastEvent: loss.last_event,
  }
}

export function samplesOf(artifacts: readonly Artifact[]): Sample[] {
  return artifacts
    .filter(({ kind }) => kind === 'sample')
    .map(({ step, index, url }) => ({ step: step ?? 0, index: index ?? 0, url }))
    .sort((one, other) => one.step - other.step || one.index - other.index)
}

/** After a resume steps come again: the last value of each counts, and what lay beyond is gone. */
function withLoss(before: Followed, data: Record<string, unknown>): Followed {
  const step = Number(data.step)
  const keep = before.steps.findIndex((known) => known >= step)
  const end = keep < 0 ? before.steps.length : keep
  return {
    ...before,
    steps: [...before.steps.slice(0, end), step],
    loss: [...before.loss.slice(0, end), Number(data.loss)],
    smoothed: [...before.smoothed.slice(0, end), Number(data.smoothed)],
  }
}

const nullable = (value: unknown): number | null => (typeof value === 'number' ? value : null)

/** What follows from one event of the job. `address` makes an address of a file in the job. */
export function followed(before: Followed, data: Record<string, unknown>, address: (file: string) => string): Followed {
  const lastEvent = Math.max(before.lastEvent, Number(data.seq) || 0)
  return { ...changed(before, data, address), lastEvent }
}

function changed(before: Followed, data: Record<string, unknown>, address: (file: string) => string): Followed {
  switch (data.type) {
    case 'state':
      return { ...before, state: data.state as JobState }
    case 'progress':
      return { ...before, progress: progressAfter(before.progress, data), said: typeof data.message === 'string' ? data.message : '' }
    case 'loss':
      return withLoss(before, data)
    case 'sample': {
      const sample = { step: Number(data.step), index: Number(data.index), url: address(String(data.file)) }
      const others = before.samples.filter(({ step, index }) => step !== sample.step || index !== sample.index)
      return { ...before, samples: [...others, sample].sort((one, other) => one.step - other.step || one.index - other.index) }
    }
    case 'checkpoint':
      return { ...before, checkpoints: [...new Set([...before.checkpoints, Number(data.step)])].sort((one, other) => one - other) }
    case 'gpu':
      return {
        ...before,
        gpu: {
          name: String(data.name ?? ''),
          load: nullable(data.load),
          memoryUsed: nullable(data.memory_used),
          memoryTotal: nullable(data.memory_total),
          temperature: nullable(data.temperature),
        },
      }
    case 'warning': {
      const said = saidOf(data) // each is said once, however many attempts there were
      return { ...before, warnings: [...before.warnings.filter(({ message }) => message !== said.message), said] }
    }
    default:
      return before
  }
}

/** Steps that have samples, in order. */
export const sampledSteps = (samples: readonly Sample[]): number[] => [...new Set(samples.map(({ step }) => step))]
