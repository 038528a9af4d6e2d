/** What a training does now, in words. Plain functions. */

import type { Job } from '../api/types'
import type { Words } from '../i18n/words'
import type { Followed } from './follow'

const PHASES = ['load', 'encode', 'train', 'sample', 'save', 'export'] as const

export function happening(job: Job, now: Followed, t: Words['t']): string {
  if (now.state === 'queued') return job.position ? t('happening.queued', { n: job.position }) : t('happening.next')
  if (now.state !== 'preparing' && now.state !== 'training') return t(`ended.${now.state}`, { n: job.step })
  const { phase, step, steps, done, total } = now.progress
  const known = PHASES.find((name) => name === phase)
  if (known === 'train') return t('happening.train', { step, steps: steps || job.steps })
  if (known === 'encode') return t('happening.encode', { done, total })
  if (known) return t(`happening.${known}`)
  return now.state === 'training' && step > 0 ? t('happening.train', { step, steps: job.steps }) : t('happening.start')
}

/** How much of it is done, from 0 to 1. */
export function shareOf(job: Job, now: Followed | null): number {
  const steps = now?.progress.steps || job.steps
  return steps ? Math.min(1, (now?.progress.step || job.step) / steps) : 0
}

/** What the bar shows: the steps once they are counted, before that the photos that are read; undefined while nothing can be
 * counted yet, as the bar moves by itself then. */
export function barOf(job: Job, now: Followed): number | undefined {
  const { phase, step, done, total } = now.progress
  if (phase === 'encode' && !step) return total && done ? done / total : undefined
  return shareOf(job, now) || undefined
}
