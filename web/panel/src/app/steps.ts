/** Which steps are done, which wait and for what, and what to do next: plain functions of what is there. */

import type { Job } from '../api/types'
import type { Key } from '../i18n/words'
import type { Step } from './router'

/** What decides where a character stands. */
export interface Facts {
  photos: number
  /** Photos that are not put aside. */
  used: number
  /** Photos with a finding that asks for a look. */
  flagged: number
  /** Whether the report was opened while so many were flagged: who has seen it is not sent there again. */
  seen: boolean
  /** Its job that runs, waits or stopped, the latest first; null for none. */
  job: Job | null
  /** Whether a training was ever finished or left something to choose. */
  trained: boolean
  loras: number
  /** Whether somebody chose a checkpoint. */
  picked: boolean
  pictures: number
}

export type Mark = { step: Step; state: 'open' | 'done' | 'waiting'; waitsFor?: Key }

/** The least photos that training takes. */
export const FEWEST = 5
/** From so many on nobody is told that more would be better. */
export const ENOUGH = 15
const WORKING: readonly Job['state'][] = ['queued', 'preparing', 'training']

export const isWorking = (job: Job | null | undefined): boolean => !!job && WORKING.includes(job.state)

/** The five steps with their marks. */
export function marksOf(facts: Facts): Mark[] {
  const enough = facts.used >= FEWEST
  const trained = facts.trained || facts.loras > 0
  return [
    { step: 'photos', state: enough ? 'done' : 'open' },
    facts.photos === 0
      ? { step: 'report', state: 'waiting', waitsFor: 'waits.photos' }
      : { step: 'report', state: enough && (facts.flagged === 0 || facts.seen) ? 'done' : trained ? 'done' : 'open' },
    facts.photos === 0 && !facts.job
      ? { step: 'train', state: 'waiting', waitsFor: 'waits.photos' }
      : { step: 'train', state: trained ? 'done' : 'open' },
    trained
      ? { step: 'pick', state: facts.picked || facts.pictures > 0 ? 'done' : 'open' }
      : { step: 'pick', state: 'waiting', waitsFor: 'waits.training' },
    facts.loras > 0
      ? { step: 'generate', state: facts.pictures > 0 ? 'done' : 'open' }
      : { step: 'generate', state: 'waiting', waitsFor: 'waits.training' },
  ]
}

export interface Next {
  step: Step
  why: Key
  button: Key
  values: Record<string, number>
}

/** The one thing to do next. */
export function nextOf(facts: Facts): Next {
  const job = facts.job
  if (job && isWorking(job)) return next('train', 'next.training', 'next.watch')
  if (facts.photos === 0) return next('photos', 'next.noPhotos', 'next.addPhotos')
  if (facts.used < FEWEST) return next('photos', 'next.fewPhotos', 'next.addPhotos', { n: FEWEST - facts.used })
  const trained = facts.trained || facts.loras > 0
  if (job && job.state !== 'done' && !trained) return next('train', 'next.stopped', 'next.goOn', { n: job.step })
  if (!trained && facts.flagged > 0 && !facts.seen) return next('report', 'next.flagged', 'next.look', { n: facts.flagged })
  if (!trained) return next('train', 'next.ready', 'next.train', { n: facts.used })
  if (facts.loras === 0) return next('pick', 'next.pick', 'next.compare')
  if (!facts.picked && facts.pictures === 0) return next('pick', 'next.pick', 'next.compare')
  return facts.pictures === 0 ? next('generate', 'next.generate', 'next.make') : next('generate', 'next.more', 'next.make')
}

function next(step: Step, why: Key, button: Key, values: Record<string, number> = {}): Next {
  return { step, why, button, values }
}

/** Where a character opens when no step is named. */
export const openingStep = (facts: Facts): Step => nextOf(facts).step
