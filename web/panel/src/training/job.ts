/** One training, followed live: what the server has of it first, then every event of the page's stream. */

import { shallowRef, watch, type Ref, type ShallowRef } from 'vue'

import { useLoading, type Loading } from '../api/loadable'
import { part } from '../api/request'
import type { Artifact, Job, Loss } from '../api/types'
import { useEvent, usePanel } from '../app/context'
import { begin, followed, type Followed } from './follow'

export interface FollowedJob {
  loading: Loading<Job>
  now: ShallowRef<Followed | null>
}

export function useJob(id: Ref<string>): FollowedJob {
  const { request, host } = usePanel()
  const now = shallowRef<Followed | null>(null)
  const fileAddress = (file: string): string => `${host.base}/jobs/${part(id.value)}/artifacts/${part(file.split('/').pop() ?? '')}`

  /** What was told while an answer was on its way, which may be older. */
  let meanwhile: Record<string, unknown>[] = []
  let asking = false
  const loading = useLoading(async () => {
    const wanted = id.value
    meanwhile = []
    asking = true
    try {
      const [job, loss, { artifacts }] = await Promise.all([
        request<Job>('GET', `/training/${part(wanted)}`),
        request<Loss>('GET', `/training/${part(wanted)}/loss`, { query: { points: 1000 } }),
        request<{ artifacts: Artifact[] }>('GET', `/jobs/${part(wanted)}/artifacts`),
      ])
      if (wanted === id.value) now.value = withNews(job, begin(job, loss, artifacts), now.value)
      return job
    } finally {
      asking = false
    }
  })
  /** Files were listed before or after the number of the newest event was read; to add one twice changes nothing. */
  const isNews = (data: Record<string, unknown>, last: number): boolean => Number(data.seq) > last || data.type === 'sample' || data.type === 'checkpoint'
  function withNews(job: Job, begun: Followed, before: Followed | null): Followed {
    const start = before ? { ...begun, gpu: before.gpu, progress: before.state === job.state ? before.progress : begun.progress } : begun
    return meanwhile.filter((data) => isNews(data, begun.lastEvent)).reduce<Followed>((known, data) => followed(known, data, fileAddress), start)
  }
  watch(id, () => {
    now.value = null
    void loading.restart()
  })
  useEvent('job', (data) => {
    if (data.job !== id.value) return
    if (asking) meanwhile.push(data)
    if (now.value) now.value = followed(now.value, data, fileAddress)
    if (data.type === 'state' || data.type === 'error') void loading.reload()
  })
  useEvent(['reset', 'queue'], () => void loading.reload())
  useEvent('jobs', (data) => {
    if ((data.changed as string[] | undefined)?.includes(id.value)) void loading.reload()
  })
  return { loading, now }
}
