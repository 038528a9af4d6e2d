/** All photos that the filters let through, a page at a time as one scrolls. */

import { onScopeDispose, ref, shallowRef, watch, type Ref, type ShallowRef } from 'vue'

import { useSoon } from '../api/loadable'
import { asApiError, type ApiError, type QueryValue } from '../api/request'
import type { Photo, PhotoList } from '../api/types'
import { useEvent, usePanel } from '../app/context'

export interface Filters {
  character: string[]
  finding: string[]
  captions: 'any' | 'empty' | 'present' | 'without_trigger'
  q: string
  rejected: boolean | null
  small: boolean
  days: number
  sort: (typeof SORTS)[number]
  descending: boolean
}

export const NO_FILTERS: Filters = {
  character: [], finding: [], captions: 'any', q: '', rejected: null, small: false, days: 0, sort: 'added', descending: true,
}

export const SORTS = ['added', 'taken', 'name', 'size', 'findings'] as const
export const DAYS = [0, 1, 7, 30] as const

/** How many filters are set. */
export const countOf = ({ character, finding, captions, q, rejected, small, days }: Filters): number =>
  character.length + finding.length + [captions !== 'any', q.trim() !== '', rejected !== null, small, days > 0].filter(Boolean).length

/** As the server takes it. */
export function queryOf(filters: Filters, now = Date.now()): Record<string, QueryValue> {
  return {
    character: filters.character,
    finding: filters.finding,
    captions: filters.captions,
    q: filters.q.trim(),
    rejected: filters.rejected,
    most_side: filters.small ? 767 : undefined,
    added_from: filters.days ? new Date(now - filters.days * 86_400_000).toISOString() : undefined,
    sort: filters.sort,
    descending: filters.descending,
  }
}

export type DatasetState = 'loading' | 'failed' | 'empty' | 'full'

export interface Dataset {
  photos: ShallowRef<Photo[]>
  total: Ref<number>
  totals: ShallowRef<Record<string, unknown>>
  state: Ref<DatasetState>
  error: ShallowRef<ApiError | null>
  /** Loads pages until so many photos are there, or all. */
  upTo(count: number): Promise<void>
  reload(): Promise<void>
}

const PAGE = 500

/** How long to wait for more news before everything that is shown is asked for again: long lists take longer to load. */
const patience = (count: number): number => 300 + count / 4

export function useDataset(filters: Ref<Filters>): Dataset {
  const { request } = usePanel()
  const photos = shallowRef<Photo[]>([])
  const totals = shallowRef<Record<string, unknown>>({})
  const total = ref(0)
  const state = ref<DatasetState>('loading')
  const error = shallowRef<ApiError | null>(null)
  let cursor = ''
  let question = 0
  let asking: Promise<void> = Promise.resolve()
  let loading: Promise<void> | null = null
  let wanted = 0

  const page = (from: string): Promise<PhotoList> =>
    request<PhotoList>('GET', '/images', { query: { ...queryOf(filters.value), limit: PAGE, cursor: from } })

  /** Asks from the beginning for as many as are wanted; what is shown stays until all of it is there. */
  const ask = (least: number): Promise<void> => (asking = answer(++question, least))

  async function answer(mine: number, least: number): Promise<void> {
    loading = null
    try {
      const found = await page('')
      let all = found.photos
      let next = found.next
      while (next && all.length < least && mine === question) {
        const more = await page(next)
        all = [...all, ...more.photos]
        next = more.next
      }
      if (mine !== question) return
      photos.value = all
      cursor = next
      total.value = found.total
      totals.value = found.totals
      state.value = found.total === 0 ? 'empty' : 'full'
      error.value = null
    } catch (problem) {
      if (mine === question) failed(problem)
    }
  }

  function failed(problem: unknown): void {
    error.value = asApiError(problem)
    if (photos.value.length === 0) state.value = 'failed'
  }

  async function goOn(): Promise<void> {
    const mine = question
    try {
      while (cursor && photos.value.length < wanted && mine === question) {
        const more = await page(cursor)
        if (mine !== question) return
        photos.value = [...photos.value, ...more.photos]
        cursor = more.next
        total.value = Math.max(more.total, photos.value.length)
      }
    } catch (problem) {
      if (mine === question) failed(problem)
    } finally {
      if (mine === question) loading = null
    }
  }

  /** Whatever is asked anew meanwhile: it is over when they are there. */
  async function upTo(count: number): Promise<void> {
    wanted = Math.max(wanted, count)
    for (let seen = 0; seen !== question; ) {
      seen = question
      await asking
      if (cursor && photos.value.length < wanted) await (loading ??= goOn())
    }
  }

  const reload = (): Promise<void> => ask(photos.value.length)
  watch(filters, () => {
    photos.value = []
    wanted = 0
    state.value = 'loading'
    void ask(0)
  })
  useEvent(['library', 'reset'], useSoon(() => asking.then(reload), () => patience(photos.value.length)))
  onScopeDispose(() => {
    question += 1
    cursor = ''
  })
  void ask(0)
  return { photos, total, totals, state, error, reload, upTo }
}
