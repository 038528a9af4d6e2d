/** The list of jobs: filtered by state and words, page after page. */

import { ref, watch, type Ref } from 'vue'

import { usePages, type Pages } from '../api/pages'
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

export interface Jobs extends Pages<JobList, Job> {
  search: Ref<string>
  group: Ref<Group>
}

export function useJobs(): Jobs {
  const { request } = usePanel()
  const search = ref('')
  const group = ref<Group>('all')
  const pages = usePages(
    'jobs',
    (cursor) => request<JobList>('GET', '/jobs', { query: { q: search.value, state: GROUPS[group.value], cursor, limit: PAGE } }),
    (found) => found.jobs.length + found.broken.length === 0,
  )
  watch([search, group], pages.restart)
  useEvent(['jobs', 'queue', 'reset'], () => void pages.list.reload())
  useEvent('job', (data) => {
    if (data.type === 'state') void pages.list.reload()
  })
  return { ...pages, search, group }
}
