/** Checkpoints against prompts at fixed seeds; and which one is recommended, where something was measured. */

import type { Artifact, Job, Lora } from '../api/types'
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

/** The step whose LoRA has the best score; null where nothing was measured. */
export function recommendedStep(loras: readonly Lora[], job: Job): number | null {
  const scored = loras.filter((lora) => lora.job === job.id && lora.scores && 'likeness' in lora.scores)
  const best = scored.sort((one, other) => (other.scores?.likeness ?? 0) - (one.scores?.likeness ?? 0))[0]
  return best ? best.step : null
}
