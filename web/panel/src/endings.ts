/** Tells that a training has ended, whatever screen is open, and also while the panel is closed in ComfyUI. */

import { openEvents, type Events } from './api/events'
import { makeRequest, part, type Request } from './api/request'
import type { Job, JobList } from './api/types'
import { isWorking } from './app/steps'
import type { Host } from './host'
import { explain } from './i18n/server'
import { makeWords } from './i18n/words'

/** Ends that nobody has asked for: pausing and stopping tell enough by themselves. */
const TOLD: readonly Job['state'][] = ['done', 'failed', 'interrupted']

/** Calls `tell` once for every training that ends, until the returned function is called. */
export function watchEnds(events: Events, request: Request, tell: (job: Job) => void): () => void {
  const told = new Set<string>()
  return events.on('job', async (data) => {
    const state = data.state as Job['state']
    const mark = `${String(data.job)} ${String(data.seq)}`
    if (data.type !== 'state' || !TOLD.includes(state) || told.has(mark)) return
    told.add(mark)
    const job = await request<Job>('GET', `/training/${part(String(data.job))}`).catch(() => null)
    if (job?.state === state) tell(job)
  })
}

/** Follows trainings for as long as one runs, and tells of their end in ComfyUI's own way. */
export function watchTrainings(host: Host): () => void {
  const request = makeRequest(host.base)
  const words = makeWords(host.language)
  let events: Events | null = null
  let over = false

  /** Also where a server that is being restarted can't say. */
  const anyRuns = async (): Promise<boolean> => (await request<JobList>('GET', '/training').catch(() => null))?.jobs.some(isWorking) ?? true

  function stop(): void {
    over = true
    events?.close()
  }

  async function tell(job: Job): Promise<void> {
    const detail = job.state === 'failed' ? (job.error ? explain(job.error, words).what : '') : words.named(`ended.${job.state}`, '', { n: job.step })
    host.notify?.(job.state === 'done' ? 'success' : 'warn', words.t('notify.ended', { name: job.name }), detail)
    if (!(await anyRuns())) stop()
  }

  void anyRuns().then((runs) => {
    if (!runs || over) return
    events = openEvents(`${host.base}/events`)
    watchEnds(events, request, (job) => void tell(job))
  })
  return stop
}
