/** What helps after a training failed: which button a code leads to. Plain functions. */

import type { Job } from '../api/types'

export type Way =
  | { kind: 'less-memory'; settings: Record<string, unknown> }
  | { kind: 'resume' }
  | { kind: 'photos' }
  | { kind: 'setup' }
  | { kind: 'again' }

/** The next lighter settings of a job; null where nothing is left to take away. */
export function lighter(settings: Record<string, unknown>): Record<string, unknown> | null {
  if (settings.gradient_checkpointing !== true) return { gradient_checkpointing: true }
  const sizes = (settings.resolutions as number[] | undefined) ?? []
  if (sizes.length > 1) return { resolutions: sizes.filter((size) => size !== Math.max(...sizes)) }
  const batch = Number(settings.batch_size ?? 1)
  return batch > 1 ? { batch_size: Math.floor(batch / 2) } : null
}

/** The button that a failed job gets. */
export function wayOut(job: Pick<Job, 'error' | 'settings' | 'can_resume'>): Way {
  const code = job.error?.code ?? ''
  if (/MEMORY/.test(code)) {
    const settings = lighter(job.settings)
    if (settings) return { kind: 'less-memory', settings }
  }
  if (/^(PHOTO|CAPTION)/.test(code)) return { kind: 'photos' }
  if (/^(MODEL|TOKENIZER|DISK|BACKEND)/.test(code)) return { kind: 'setup' }
  return job.can_resume ? { kind: 'resume' } : { kind: 'again' }
}
