/** Pictures that are being made for a character: asked for, followed with previews, stopped. */

import { onScopeDispose, ref, type Ref } from 'vue'

import { part } from '../api/request'
import type { Generation, NewGeneration } from '../api/types'
import { useEvent, usePanel } from '../app/context'
import { DEFAULTS } from '../host'
import { advanced, charactersOf, KINDS, made, mayPreview, type Making } from './following'

export interface Generating {
  makings: Ref<Making[]>
  start(body: NewGeneration): Promise<boolean>
  cancel(id: string): Promise<void>
  dismiss(id: string): void
}

export function useGenerating(character: string, pictureDone: () => void): Generating {
  const { request, host, toasts } = usePanel()
  const makings = ref<Making[]>([])
  const streams = new Map<string, EventSource>()

  const change = (id: string, how: (making: Making) => Making): void => {
    makings.value = makings.value.map((making) => (making.id === id ? how(making) : making))
  }

  /** The page's stream leaves previews out, so the one that is being made is followed by a stream of its own. */
  function follow(id: string): void {
    if (streams.has(id) || streams.size > 0) return
    const stream = new EventSource(`${host.base}/generate/${part(id)}/stream`)
    streams.set(id, stream)
    for (const kind of KINDS) {
      stream.addEventListener(kind, (event) => happened(id, kind, JSON.parse((event as MessageEvent<string>).data) as Record<string, unknown>))
    }
    stream.addEventListener('end', () => leave(id))
  }

  function leave(id: string): void {
    streams.get(id)?.close()
    streams.delete(id)
    const next = makings.value.find(({ phase, id: other }) => phase !== 'over' && other !== id)
    if (next) follow(next.id)
  }

  let shown = 0

  function happened(id: string, kind: string, data: Record<string, unknown>): void {
    if (kind === 'preview') {
      const now = performance.now()
      if (!mayPreview((host.preferences?.() ?? DEFAULTS).previews, now - shown)) return
      shown = now
    }
    change(id, (making) => advanced(making, kind, data))
    if (kind === 'picture') pictureDone()
    if (kind === 'done' || kind === 'cancelled') {
      leave(id)
      makings.value = makings.value.filter((making) => making.id !== id)
    }
    if (kind === 'failed') leave(id)
  }

  async function takeUp(): Promise<void> {
    const found = await toasts.trying(() => request<{ generations: Generation[] }>('GET', '/generate'))
    const mine = (found?.generations ?? []).filter(({ state, settings }) => {
      return (state === 'queued' || state === 'running') && charactersOf(settings).includes(character)
    })
    makings.value = [...makings.value.filter(({ state }) => state === 'failed'), ...mine.map(made)]
    for (const { id } of mine) follow(id)
  }

  void takeUp()
  useEvent('reset', () => {
    for (const stream of streams.values()) stream.close()
    streams.clear()
    void takeUp()
    pictureDone()
  })
  onScopeDispose(() => {
    for (const stream of streams.values()) stream.close()
  })

  return {
    makings,
    async start(body) {
      const generation = await toasts.trying(() => request<Generation>('POST', '/generate', { body }))
      if (!generation) return false
      makings.value = [...makings.value, made(generation)]
      follow(generation.id)
      return true
    },
    async cancel(id) {
      await toasts.trying(() => request('POST', `/generate/${part(id)}/cancel`))
    },
    dismiss(id) {
      makings.value = makings.value.filter((making) => making.id !== id)
    },
  }
}
