/** All photos that the filters let through, a page at a time as one scrolls. */

import { ref, shallowRef, watch, type Ref, type ShallowRef } from 'vue'

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
  sort: 'added' | 'taken' | 'name' | 'size' | 'findings'
  descending: boolean
}

export const NO_FILTERS: Filters = {
  character: [], finding: [], captions: 'any', q: '', rejected: null, small: false, days: 0, sort: 'added', descending: true,
}

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

export const keyOf = ({ character, file }: Pick<Photo, 'character' | 'file'>): string => `${character}/${file}`

export type DatasetState = 'loading' | 'failed' | 'empty' | 'full'

export interface Dataset {
  photos: ShallowRef<Photo[]>
  total: Ref<number>
  totals: ShallowRef<Record<string, unknown>>
  state: Ref<DatasetState>
  error: ShallowRef<ApiError | null>
  /** Loads the next page, if there is one. */
  more(): Promise<void>
  reload(): Promise<void>
}

const PAGE = 500

export function useDataset(filters: Ref<Filters>): Dataset {
  const { request } = usePanel()
  const photos = shallowRef<Photo[]>([])
  const totals = shallowRef<Record<string, unknown>>({})
  const total = ref(0)
  const state = ref<DatasetState>('loading')
  const error = shallowRef<ApiError | null>(null)
  let cursor = ''
  let question = 0
  let busy = false

  async function ask(first: boolean, limit: number): Promise<void> {
    const mine = first ? ++question : question
    busy = true
    try {
      const query = { ...queryOf(filters.value), limit, cursor: first ? '' : cursor }
      const found = await request<PhotoList>('GET', '/images', { query })
      if (mine !== question) return
      photos.value = first ? found.photos : [...photos.value, ...found.photos]
      cursor = found.next
      total.value = found.total
      totals.value = found.totals
      state.value = found.total === 0 ? 'empty' : 'full'
      error.value = null
    } catch (problem) {
      if (mine !== question) return
      error.value = asApiError(problem)
      if (photos.value.length === 0) state.value = 'failed'
    } finally {
      if (mine === question) busy = false
    }
  }

  const reload = async (): Promise<void> => {
    const wanted = Math.max(PAGE, photos.value.length)
    await ask(true, PAGE)
    while (cursor && photos.value.length < wanted) await ask(false, PAGE)
  }
  watch(filters, () => {
    photos.value = []
    state.value = 'loading'
    void ask(true, PAGE)
  })
  let timer: ReturnType<typeof setTimeout> | undefined
  useEvent(['library', 'reset'], () => {
    clearTimeout(timer)
    timer = setTimeout(() => void reload(), 400)
  })
  void ask(true, PAGE)
  return {
    photos, total, totals, state, error, reload,
    more: async () => {
      if (cursor && !busy) await ask(false, PAGE)
    },
  }
}
