/** The page's one live stream: reconnects by itself, misses nothing, and says when everything has to be loaded again. */

import { shallowRef, type ShallowRef } from 'vue'

export type Connection = 'connecting' | 'live' | 'lost'
export type Listener = (data: Record<string, unknown>) => void

/** Kinds that the server sends; `reset` is also told after a pause that may have been too long. */
export const KINDS = ['hello', 'reset', 'job', 'jobs', 'library', 'queue', 'generation', 'gallery', 'captioning', 'likeness', 'end'] as const
export type Kind = (typeof KINDS)[number]

export interface Events {
  readonly connection: ShallowRef<Connection>
  /** Listens until the returned function is called. */
  on(kind: Kind, listener: Listener): () => void
  close(): void
}

/** What follows from an event of the connection itself. */
export function connectionAfter(before: Connection, happened: 'open' | 'error' | 'end'): Connection {
  if (happened === 'open') return 'live'
  return happened === 'end' && before === 'connecting' ? 'connecting' : 'lost'
}

const AGAIN_MS = 2000

/** Opens the stream at `address`. A browser repeats Last-Event-ID itself; where it gives up, we go on with `?after=`. */
export function openEvents(address: string, Source: typeof EventSource = EventSource): Events {
  const connection = shallowRef<Connection>('connecting')
  const listeners = new Map<Kind, Set<Listener>>()
  let source: EventSource | null = null
  let timer: ReturnType<typeof setTimeout> | undefined
  let last = ''
  let closed = false

  function tell(kind: Kind, text: string): void {
    let data: Record<string, unknown> = {}
    try {
      data = JSON.parse(text || '{}') as Record<string, unknown>
    } catch {
      return // half an event of a connection that broke
    }
    for (const listener of [...(listeners.get(kind) ?? [])]) listener(data)
  }

  function open(): void {
    source = new Source(last ? `${address}?after=${encodeURIComponent(last)}` : address)
    source.onopen = () => (connection.value = connectionAfter(connection.value, 'open'))
    source.onerror = () => {
      connection.value = connectionAfter(connection.value, 'error')
      if (source?.readyState === 2 && !closed) {
        source.close()
        clearTimeout(timer)
        timer = setTimeout(open, AGAIN_MS)
      }
    }
    for (const kind of KINDS) {
      source.addEventListener(kind, (event) => {
        if (event.lastEventId) last = event.lastEventId
        if (kind === 'end') connection.value = connectionAfter(connection.value, 'end')
        else connection.value = connectionAfter(connection.value, 'open')
        tell(kind, event.data as string)
      })
    }
  }

  open()
  return {
    connection,
    on(kind, listener) {
      const found = listeners.get(kind) ?? new Set()
      listeners.set(kind, found.add(listener))
      return () => found.delete(listener)
    },
    close() {
      closed = true
      clearTimeout(timer)
      source?.close()
    },
  }
}
