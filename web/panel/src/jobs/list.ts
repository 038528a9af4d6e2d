/** The list of jobs: filtered by state and words, page after page. */

import { ref, shallowRef, watch, type Ref, type ShallowRef } from 'vue'

import { useLoading, type Loading } from '../api/loadable'
import type { Job, JobList, JobState } from '../api/types'
import { useEvent, usePanel } from '../app/context'

export const GROUPS = {
  all: [],
  running: ['queued', 'preparing', 'training'],
  done: ['done'],
  stopped: ['paused', 'cancelled', 'interrupted'],
  failed: ['failed'],
} as const satisfies Record<string, readonly JobState[]>
export type Group = keyof typeof GROUPS

const PAGE = 50

export interface Jobs {
  list: Loading<JobList>
  search: Ref<string>
  group: Ref<Group>
  /** Jobs of further pages. */
  more: ShallowRef<Job[]>
  cursor: ShallowRef<string>
  loadMore(): Promise<void>
}

export function useJobs(): Jobs {
  const { request, toasts } = usePanel()
  const search = ref('')
  const group = ref<Group>('all')
  const more = shallowRef<Job[]>([])
  const cursor = shallowRef('')
  const ask = (from: string): Promise<JobList> =>
    request<JobList>('GET', '/jobs', { query: { q: search.value, state: GROUPS[group.value], cursor: from, limit: PAGE } })
  const list = useLoading(
    () => ask(''),
    (found) => found.jobs.length + found.broken.length === 0,
  )
  watch(list.value, (now) => {
    if ('data' in now && more.value.length === 0) cursor.value = now.data.next ?? ''
  })
  watch([search, group], () => {
    more.value = []
    void list.reload()
  })
  useEvent(['jobs', 'queue', 'reset'], () => void list.reload())
  useEvent('job', (data) => {
    if (data.type === 'state') void list.reload()
  })

  async function loadMore(): Promise<void> {
    const page = await toasts.trying(() => ask(cursor.value))
    if (!page) return
    more.value = [...more.value, ...page.jobs]
    cursor.value = page.next ?? ''
  }

  return { list, search, group, more, cursor, loadMore }
}
