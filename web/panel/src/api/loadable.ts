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
  /** Loads, or loads again; resolves once it has. Calls while one is under way lead to one more, not to many. */
  reload(): Promise<void>
  /** Loads the answer to another question: what is shown goes, and so does an answer that is still on its way. */
  restart(): Promise<void>
  /** Puts in what is known already, e.g. the answer to a change. An answer that is still on its way may be older: it is
   * dropped, and asked for again. */
  set(data: T): void
}

/** Loads at once and whenever `reload` is called. `load` may show a part of what comes; that is taken the first time only. */
export function useLoading<T>(load: (some: (part: T) => void) => Promise<T>, isEmpty: (data: T) => boolean = () => false): Loading<T> {
  const value = shallowRef<Loadable<T>>({ state: 'loading' })
  let running: Promise<void> | null = null
  let next: Promise<void> | null = null
  let outdated = false
  let closed = false

  async function ask(): Promise<void> {
    if (closed) return
    outdated = false
    value.value = begun(value.value)
    const take = (now: () => Loadable<T>): void => void (closed || outdated || (value.value = now()))
    try {
      const data = await load((part) => take(() => (value.value.state === 'loading' ? arrived(part, isEmpty) : value.value)))
      take(() => arrived(data, isEmpty))
    } catch (problem) {
      take(() => broke(value.value, asApiError(problem)))
    }
  }

  function begin(): Promise<void> {
    next = null
    running = ask().finally(() => {
      if (!next) running = null
    })
    return running
  }
  const reload = (): Promise<void> => (running ? (next ??= running.then(begin)) : begin())

  onScopeDispose(() => (closed = true))
  void reload()
  return {
    value,
    reload,
    restart() {
      value.value = { state: 'loading' }
      outdated = true
      return reload()
    },
    set(data) {
      value.value = arrived(data, isEmpty)
      if (!running) return
      outdated = true
      void reload()
    },
  }
}

/** Calls `act` soon, and once for all that asks for it meanwhile: news come in swarms. Nothing is called any more once the
 * component is gone. */
export function useSoon(act: () => unknown, ms: number | (() => number)): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined
  onScopeDispose(() => clearTimeout(timer))
  return () => {
    timer ??= setTimeout(() => {
      timer = undefined
      void act()
    }, typeof ms === 'number' ? ms : ms())
  }
}
