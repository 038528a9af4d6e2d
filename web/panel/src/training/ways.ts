/** What helps after a training failed: which button a code leads to. Plain functions. */

import type { Job } from '../api/types'

export type Way =
  | { kind: 'less-memory'; settings: Record<string, unknown> }
  | { kind: 'gentler'; settings: Record<string, unknown> }
  | { kind: 'resume' }
  | { kind: 'photos' }
  | { kind: 'room' }
  | { kind: 'setup' }
  | { kind: 'again' }

/** The next lighter settings of a job, in the order of what they cost the result; null where nothing is left to take away. */
export function lighter(settings: Record<string, unknown>): Record<string, unknown> | null {
  if (settings.gradient_checkpointing !== true) return { gradient_checkpointing: true }
  const batch = Number(settings.batch_size ?? 1)
  if (batch > 1) return { batch_size: Math.floor(batch / 2) }
  const sizes = (settings.resolutions as number[] | undefined) ?? []
  if (sizes.length > 1) return { resolutions: sizes.filter((size) => size !== Math.max(...sizes)) }
  return settings.base_weights === 'full' ? { base_weights: 'auto' } : null
}

/** The button that a failed job gets. */
export function wayOut(job: Pick<Job, 'error' | 'settings' | 'can_resume'>): Way {
  const code = job.error?.code ?? ''
  if (/MEMORY/.test(code)) {
    const settings = lighter(job.settings)
    if (settings) return { kind: 'less-memory', settings }
  }
  const rate = Number(job.settings.learning_rate)
  if (code === 'LOSS_NOT_FINITE' && rate > 0) return { kind: 'gentler', settings: { learning_rate: rate / 2 } }
  if (/^(PHOTO|CAPTION)/.test(code)) return { kind: 'photos' }
  if (/^DISK/.test(code)) return { kind: 'room' }
  if (/^(MODEL|TOKENIZER|BACKEND|FOLDER|PACKAGE)/.test(code)) return { kind: 'setup' }
  return job.can_resume ? { kind: 'resume' } : { kind: 'again' }
}

/** Whether going on is worth a button of its own: after room was made or a file was put where it belongs. */
export const mayGoOn = (way: Way, canResume: boolean): boolean => canResume && (way.kind === 'room' || way.kind === 'setup')

/** Where an obstacle before the start is mended; null where only the settings themselves help. */
export function fixFor(code: string): 'photos' | 'room' | 'setup' | null {
  if (/^(PHOTO|CAPTION)/.test(code)) return 'photos'
  if (/^DISK/.test(code)) return 'room'
  return /^(MODEL|TOKENIZER|FOLDER|PACKAGE|GPU)/.test(code) ? 'setup' : null
}
