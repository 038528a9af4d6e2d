/** Checkpoints against prompts at fixed seeds. */

import type { Artifact } from '../api/types'
import { samplesOf, type Sample } from '../training/follow'

export interface Row {
  step: number
  /** By prompt; undefined where no picture was made. */
  samples: (Sample | undefined)[]
  /** Whether a LoRA of this step was kept, so that it can be chosen. */
  kept: boolean
}

/** Rows by step, the first step's plain model left out of what can be chosen. */
export function rowsOf(artifacts: readonly Artifact[], prompts: number): Row[] {
  const samples = samplesOf(artifacts)
  const kept = new Set(artifacts.filter(({ kind }) => kind === 'checkpoint').map(({ step }) => step))
  const steps = [...new Set([...samples.map(({ step }) => step), ...[...kept].filter((step) => step !== null)])].sort((a, b) => a - b)
  return steps.map((step) => ({
    step,
    kept: kept.has(step),
    samples: Array.from({ length: prompts }, (_, index) => samples.find((one) => one.step === step && one.index === index)),
  }))
}
