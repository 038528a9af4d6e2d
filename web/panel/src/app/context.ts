/** What every part of the panel shares: the server, the live stream, messages, addresses, words. */

import { inject, onScopeDispose, type InjectionKey } from 'vue'

import { openEvents, type Events, type Kind, type Listener } from '../api/events'
import { makeRequest, type Request } from '../api/request'
import type { Host } from '../host'
import { makeWords, type Words } from '../i18n/words'
import { makeToasts, type Toasts } from '../shared/toasts'
import { makeRouter, type Router } from './router'
import { followTheme } from './theme'

export interface Panel {
  host: Host
  request: Request
  events: Events
  toasts: Toasts
  router: Router
  words: Words
  close(): void
}

export const PANEL: InjectionKey<Panel> = Symbol('panel')

export function makeContext(host: Host): Panel {
  const request = makeRequest(host.base)
  const events = openEvents(`${host.base}/events`)
  const router = makeRouter(host.addresses)
  const words = makeWords(host.language)
  const stopTheme = followTheme(host.kind)
  return {
    host,
    request,
    events,
    router,
    words,
    toasts: makeToasts(),
    close() {
      events.close()
      router.close()
      stopTheme()
    },
  }
}

export function usePanel(): Panel {
  const panel = inject(PANEL)
  if (!panel) throw new Error('This part stands outside of the panel.')
  return panel
}

/** Listens to live events for as long as the component lives. */
export function useEvent(kind: Kind | readonly Kind[], listener: Listener): void {
  const { events } = usePanel()
  for (const one of typeof kind === 'string' ? [kind] : kind) onScopeDispose(events.on(one, listener))
}
