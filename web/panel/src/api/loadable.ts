/** What is being loaded, as one of four states that a screen must show; the transitions are plain functions. */

import { onScopeDispose, shallowRef, type ShallowRef } from 'vue'

import { ApiError, asApiError } from './request'

export type Loadable<T> =
  | { readonly state: 'loading' }
  | { readonly state: 'failed'; readonly error: ApiError }
  | { readonly state: 'empty'; readonly data: T; readonly problem?: ApiError }
  | { readonly state: 'full'; readonly data: T; readonly problem?: ApiError }

/** Loading for the first time shows a skeleton; loading again keeps what is there. */
export function begun<T>(before: Loadable<T>): Loadable<T> {
  return before.state === 'failed' ? { state: 'loading' } : before
}

/** What came. */
export function arrived<T>(data: T, isEmpty: (data: T) => boolean): Loadable<T> {
  return { state: isEmpty(data) ? 'empty' : 'full', data }
}

/** A failure replaces nothing that is shown: it is told beside it. */
export function broke<T>(before: Loadable<T>, error: ApiError): Loadable<T> {
  return 'data' in before ? { ...before, problem: error } : { state: 'failed', error }
}

export interface Loading<T> {
  readonly value: ShallowRef<Loadable<T>>
  /** Loads, or loads again; calls while one is under way lead to one more, not to many. */
  reload(): Promise<void>
  /** Puts in what is known already, e.g. the answer to a change. */
  set(data: T): void
}

/** Loads at once and whenever `reload` is called; what arrives late, after another question, is dropped. */
export function useLoading<T>(load: (signal: AbortSignal) => Promise<T>, isEmpty: (data: T) => boolean = () => false): Loading<T> {
  const value = shallowRef<Loadable<T>>({ state: 'loading' })
  let running: AbortController | null = null
  let again = false

  async function reload(): Promise<void> {
    if (running) {
      again = true
      return
    }
    const mine = (running = new AbortController())
    value.value = begun(value.value)
    try {
      const data = await load(mine.signal)
      if (!mine.signal.aborted) value.value = arrived(data, isEmpty)
    } catch (problem) {
      if (!mine.signal.aborted) value.value = broke(value.value, asApiError(problem))
    } finally {
      if (running === mine) running = null
    }
    if (again && !mine.signal.aborted) {
      again = false
      await reload()
    }
  }

  onScopeDispose(() => {
    running?.abort()
  })
  void reload()
  return { value, reload, set: (data) => (value.value = arrived(data, isEmpty)) }
}
