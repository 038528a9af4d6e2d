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

/** How alike a step's LoRA was measured to be, from 0 to 1; null where nothing was measured. */
export function likenessAt(loras: readonly Lora[], job: Pick<Job, 'id'>, step: number): number | null {
  return loras.find((lora) => lora.job === job.id && lora.step === step)?.scores?.likeness ?? null
}

export interface Recommendation {
  step: number
  likeness: number
}

/** The step whose LoRA has the best likeness; null where nothing was measured. */
export function recommendation(loras: readonly Lora[], job: Pick<Job, 'id'>): Recommendation | null {
  const measured = loras
    .filter((lora) => lora.job === job.id)
    .map(({ step, scores }) => ({ step, likeness: scores?.likeness ?? null }))
    .filter((one): one is Recommendation => one.likeness !== null)
  return measured.reduce<Recommendation | null>((best, one) => (best && best.likeness >= one.likeness ? best : one), null)
}
