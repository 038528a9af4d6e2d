/** What runs now, whatever screen is open: trainings and pictures, followed by the live stream. */

import { computed, inject, provide, ref, type ComputedRef, type InjectionKey, type Ref } from 'vue'

import { useLoading, useSoon } from '../api/loadable'
import type { Generation, Job, JobList } from '../api/types'
import { useEvent, usePanel } from './context'
import { isWorking } from './steps'

/** How far a training is, from its events. */
export interface Progress {
  phase: string
  step: number
  steps: number
  done: number
  total: number
  secondsLeft: number | null
}

/** The progress that an event tells, beside what was known. */
export function progressAfter(before: Progress | undefined, data: Record<string, unknown>): Progress {
  const known = before ?? { phase: '', step: 0, steps: 0, done: 0, total: 0, secondsLeft: null }
  const numeric = (name: string, otherwise: number): number => (typeof data[name] === 'number' ? data[name] : otherwise)
  const left = data.seconds_left
  return {
    phase: typeof data.phase === 'string' ? data.phase : known.phase,
    step: numeric('step', known.step),
    steps: numeric('steps', known.steps),
    done: numeric('done', known.done),
    total: numeric('total', known.total),
    secondsLeft: typeof left === 'number' ? left : known.secondsLeft,
  }
}

export interface Running {
  jobs: ComputedRef<Job[]>
  generations: ComputedRef<Generation[]>
  progress: Ref<Record<string, Progress>>
  reload(): Promise<void>
}

/** A quick GPU tells of many steps a second. */
const SOON_MS = 300
const RUNNING: InjectionKey<Running> = Symbol('running')

export function provideRunning(): Running {
  const { request } = usePanel()
  const jobs = useLoading(() => request<JobList>('GET', '/training'))
  const generations = useLoading(() => request<{ generations: Generation[] }>('GET', '/generate'))
  const progress = ref<Record<string, Progress>>({})
  useEvent(['jobs', 'queue', 'reset'], () => void jobs.reload())
  useEvent('job', (data) => {
    const id = String(data.job)
    if (data.type === 'state') void jobs.reload()
    if (data.type === 'progress') progress.value = { ...progress.value, [id]: progressAfter(progress.value[id], data) }
  })
  const soon = useSoon(generations.reload, SOON_MS)
  useEvent('reset', soon)
  useEvent('generation', (data) => {
    if (data.type !== 'preview') soon()
  })
  const running: Running = {
    jobs: computed(() => ('data' in jobs.value.value ? jobs.value.value.data.jobs.filter(isWorking) : [])),
    generations: computed(() =>
      'data' in generations.value.value
        ? generations.value.value.data.generations.filter(({ state }) => state === 'running' || state === 'queued')
        : [],
    ),
    progress,
    reload: () => jobs.reload(),
  }
  provide(RUNNING, running)
  return running
}

export function useRunning(): Running {
  const running = inject(RUNNING)
  if (!running) throw new Error('Nothing is followed here.')
  return running
}
