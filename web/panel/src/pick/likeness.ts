/** How like the person the samples of a training were measured to be; asked again whenever there is something new. */

import { watch, type Ref } from 'vue'

import { useLoading, type Loading } from '../api/loadable'
import { part } from '../api/request'
import type { Likeness } from '../api/types'
import { useEvent, usePanel } from '../app/context'

/** Null where there is no training. */
export function useLikeness(job: Ref<string | undefined>): Loading<Likeness | null> {
  const { request } = usePanel()
  const found = useLoading(async () => (job.value ? request<Likeness>('GET', `/training/${part(job.value)}/likeness`) : null))
  watch(job, found.restart)
  useEvent('reset', () => void found.reload())
  useEvent(['likeness', 'job'], (data) => {
    const news = data.type === undefined || data.type === 'sample' || data.type === 'checkpoint'
    if (data.job === job.value && news) void found.reload()
  })
  return found
}

/** From 0 to 1 at a step; null where nothing was measured. */
export function likenessAt(found: Likeness | null, step: number): number | null {
  return found?.steps.find((one) => one.step === step)?.likeness ?? null
}

/** How like the person pictures without the trigger word are, before the training and at its last step; null if unknown. */
export function leakOf(found: Likeness | null): { before: number; after: number } | null {
  const known = (found?.steps ?? []).filter(({ leak }) => leak !== null)
  const [first, last] = [known[0], known.at(-1)]
  return first?.step === 0 && last && last.step > 0 ? { before: first.leak!, after: last.leak! } : null
}
