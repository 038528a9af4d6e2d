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
  let closed = false

  const change = (id: string, how: (making: Making) => Making): void => {
    makings.value = makings.value.map((making) => (making.id === id ? how(making) : making))
  }

  /** The page's stream leaves previews out, so the one that is being made is followed by a stream of its own. */
  function follow(id: string): void {
    if (closed || streams.size > 0) return
    const stream = new EventSource(`${host.base}/generate/${part(id)}/stream`)
    streams.set(id, stream)
    for (const kind of KINDS) {
      stream.addEventListener(kind, (event) => happened(id, kind, JSON.parse((event as MessageEvent<string>).data) as Record<string, unknown>))
    }
    stream.addEventListener('end', () => leave(id))
    stream.onerror = () => {
      if (stream.readyState === 2) streams.delete(id) // the browser has given up: the page's stream tells the rest
    }
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
      dismiss(id)
    }
    if (kind === 'failed') leave(id)
  }

  const dismiss = (id: string): void => void (makings.value = makings.value.filter((making) => making.id !== id))

  /** What is being made already; what is begun here before the answer has come stays. */
  async function takeUp(): Promise<void> {
    const old = new Set(makings.value.filter(({ state }) => state !== 'failed').map(({ id }) => id))
    const found = await toasts.trying(() => request<{ generations: Generation[] }>('GET', '/generate'))
    if (!found || closed) return
    const mine = found.generations.filter(({ state, settings }) => {
      return (state === 'queued' || state === 'running') && charactersOf(settings).includes(character)
    })
    for (const { id } of mine) old.add(id)
    makings.value = [...mine.map(made), ...makings.value.filter(({ id }) => !old.has(id))]
    for (const { id } of mine) follow(id)
  }

  void takeUp()
  useEvent('reset', () => {
    closeAll()
    void takeUp()
    pictureDone()
  })
  useEvent('generation', (data) => {
    const id = String(data.generation)
    if (!streams.has(id) && makings.value.some((making) => making.id === id)) happened(id, String(data.type), data)
  })
  function closeAll(): void {
    for (const stream of streams.values()) stream.close()
    streams.clear()
  }
  onScopeDispose(() => {
    closed = true
    closeAll()
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
    dismiss,
  }
}
