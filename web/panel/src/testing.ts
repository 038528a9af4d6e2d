/** For tests alone: what stands around a part of the panel, with a server and a live stream that say what the test says. */

import { createApp, effectScope, shallowRef, type Component } from 'vue'

import type { Connection, Kind, Listener } from './api/events'
import type { Request, RequestOptions } from './api/request'
import { PANEL, type Panel } from './app/context'
import { makeRouter } from './app/router'
import { makeWords } from './i18n/words'
import { makeToasts } from './shared/toasts'

type Answer = (path: string, method: string, options: RequestOptions) => unknown

export interface Surroundings {
  panel: Panel
  /** Says something on the live stream. */
  say(kind: Kind, data?: Record<string, unknown>): void
  run<T>(what: () => T): T
  leave(): void
  /** Puts a component onto a page. */
  mount(component: Component, props: Record<string, unknown>): HTMLElement
}

export function surroundings(answer: Answer): Surroundings {
  const listeners = new Map<Kind, Set<Listener>>()
  const request: Request = async (method, path, options = {}) => (await answer(path, method, options)) as never
  const panel: Panel = {
    host: { kind: 'page', base: '/isengard', files: '/', addresses: 'memory' },
    request,
    events: {
      connection: shallowRef<Connection>('live'),
      on(kind, listener) {
        const found = listeners.get(kind) ?? new Set()
        listeners.set(kind, found.add(listener))
        return () => found.delete(listener)
      },
      close() {},
    },
    toasts: makeToasts(),
    router: makeRouter('memory'),
    words: makeWords('en'),
    close() {},
  }
  const app = createApp({ render: () => null })
  app.provide(PANEL, panel)
  const scope = effectScope()
  return {
    panel,
    say(kind, data = {}) {
      for (const listener of [...(listeners.get(kind) ?? [])]) listener(data)
    },
    run: (what) => app.runWithContext(() => scope.run(what)!),
    leave: () => scope.stop(),
    mount(component, props) {
      const shown = createApp(component, props)
      shown.provide(PANEL, panel)
      const element = document.createElement('div')
      document.body.append(element)
      shown.mount(element)
      return element
    },
  }
}

/** A promise and the way to keep it. */
export function held<T>(): { promise: Promise<T>; give(value: T): void } {
  let give: (value: T) => void = () => {}
  const promise = new Promise<T>((resolve) => (give = resolve))
  return { promise, give: (value) => give(value) }
}

/** An EventSource that a test speaks through. */
export class Source extends EventTarget {
  static all: Source[] = []
  readyState = 0
  onopen: (() => void) | null = null
  onerror: (() => void) | null = null
  constructor(readonly url: string) {
    super()
    Source.all.push(this)
  }
  close(): void {
    this.readyState = 2
  }
  send(kind: string, data: unknown, id = ''): void {
    this.dispatchEvent(new MessageEvent(kind, { data: JSON.stringify(data), lastEventId: id }))
  }
}
