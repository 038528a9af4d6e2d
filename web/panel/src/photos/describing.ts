/** Captions by a captioner: a run goes on at the server whatever is open here; how it ends is told, with the way back. */

import { inject, onScopeDispose, provide, shallowRef, type InjectionKey, type ShallowRef } from 'vue'

import { ApiError, part } from '../api/request'
import type { Captioning, PhotoKey } from '../api/types'
import { useEvent, usePanel } from '../app/context'
import { explain, saidOf, type Said } from '../i18n/server'

/** A run that is not over, as the live stream tells it. */
export interface Run {
  id: string
  state: string
  /** Why it waits. */
  reason: Said
  done: number
  total: number
}

export interface Describing {
  readonly run: ShallowRef<Run | null>
  /** Begins; rejects with what is missing. */
  begin(captioner: string, photos: readonly PhotoKey[], overwrite: boolean): Promise<void>
  cancel(): Promise<void>
}

const OVER = ['done', 'cancelled', 'failed', 'interrupted']
const DESCRIBING: InjectionKey<Describing> = Symbol('describing')

/** What is said of an event. */
export function runOf(data: Record<string, unknown>): Run {
  const text = (name: string): string => (typeof data[name] === 'string' ? data[name] : '')
  const count = (name: string): number => (typeof data[name] === 'number' ? data[name] : 0)
  return { id: text('run') || text('id'), state: text('state'), reason: saidOf(data), done: count('done'), total: count('total') }
}

export function provideDescribing(): Describing {
  const { request, toasts, words } = usePanel()
  const run = shallowRef<Run | null>(null)
  const told = new Set<string>()
  let closed = false

  function follow(now: Run): void {
    if (!OVER.includes(now.state)) {
      if (!told.has(now.id)) run.value = now
      return
    }
    if (run.value?.id !== now.id || told.has(now.id)) return
    told.add(now.id)
    run.value = null
    void toasts.trying(() => ended(now.id))
  }

  /** Each window that followed it says how it ended. */
  async function ended(id: string): Promise<void> {
    const found = await request<Captioning>('GET', `/captioning/${part(id)}`)
    if (found.error) toasts.fail(new ApiError(found.error.code, found.error.message, { hint: found.error.hint, said: found.error.said }))
    for (const one of found.failed.slice(0, 1)) toasts.done(words.t('describe.failed', { n: found.failed.length, why: explain(one, words).what }))
    const undo = (): Promise<unknown> => request('POST', '/images/captions/undo', { body: { undo: found.undo } })
    const written = found.undo ? found.changes.length - found.conflicts.length : 0
    const silent = found.state === 'done' ? found.total - found.changes.length - found.failed.length : 0
    if (silent > 0) toasts.done(words.t('describe.silent', { n: silent }))
    if (!found.error || written) toasts.done(words.t('describe.done', { n: written }), found.undo ? undo : undefined)
  }

  async function look(): Promise<void> {
    const { runs } = await request<{ runs: { id: string; state: string; said: Said; done: number; total: number }[] }>('GET', '/captioning')
    const working = runs.find(({ state }) => !OVER.includes(state))
    if (!closed && working) follow(runOf(working))
    else if (run.value && !working) follow({ ...run.value, state: 'done' })
  }

  useEvent('captioning', (data) => follow(runOf(data)))
  useEvent(['hello', 'reset'], () => void toasts.trying(look))
  onScopeDispose(() => (closed = true))

  const describing: Describing = {
    run,
    async begin(captioner, photos, overwrite) {
      const body = { captioner, photos: photos.map(({ character, file }) => ({ character, file })), overwrite }
      const made = await request<Captioning>('POST', '/captioning', { body })
      if (!run.value && !told.has(made.id)) run.value = runOf({ ...made, run: made.id })
      if (OVER.includes(made.state)) follow(runOf({ ...made, run: made.id }))
    },
    async cancel() {
      if (run.value) await request('POST', `/captioning/${part(run.value.id)}/cancel`)
    },
  }
  provide(DESCRIBING, describing)
  return describing
}

export function useDescribing(): Describing {
  const describing = inject(DESCRIBING)
  if (!describing) throw new Error('Nothing is described here.')
  return describing
}
