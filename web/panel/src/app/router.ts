/** Addresses: `#/characters/ada/photos` and the like, kept in the address bar where it is ours. */

import { shallowRef, type ShallowRef } from 'vue'

export const STEPS = ['photos', 'report', 'train', 'pick', 'generate'] as const
export type Step = (typeof STEPS)[number]
export const PLACES = ['dataset', 'jobs', 'setup', 'trash'] as const
export type Place = (typeof PLACES)[number]

export type Route =
  | { at: 'home' }
  | { at: 'character'; character: string; step: Step | null }
  | { at: Place; id?: string }

/** `#/characters/ada/photos` as a route; what is unknown leads home. */
export function parseRoute(address: string): Route {
  const parts = address.replace(/^#?\/?/, '').split('/').filter(Boolean).map(decoded)
  const [first, second, third] = parts
  if (first === 'characters' && second) {
    const step = STEPS.find((name) => name === third) ?? null
    return { at: 'character', character: second, step }
  }
  const place = PLACES.find((name) => name === first)
  if (place) return second ? { at: place, id: second } : { at: place }
  return { at: 'home' }
}

/** A route as an address. */
export function addressOf(route: Route): string {
  if (route.at === 'home') return '#/'
  if (route.at === 'character') {
    return `#/characters/${encodeURIComponent(route.character)}${route.step ? `/${route.step}` : ''}`
  }
  return `#/${route.at}${route.id ? `/${encodeURIComponent(route.id)}` : ''}`
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

export interface Router {
  readonly route: ShallowRef<Route>
  go(route: Route, how?: 'push' | 'replace'): void
  /** For links: what stands in `href`. */
  href(route: Route): string
  close(): void
}

const REMEMBERED = 'isengard.address'

export function makeRouter(addresses: 'hash' | 'memory'): Router {
  const start = addresses === 'hash' ? location.hash : (sessionStorage.getItem(REMEMBERED) ?? '')
  const route = shallowRef<Route>(parseRoute(start))
  const look = (): void => void (route.value = parseRoute(location.hash))
  if (addresses === 'hash') addEventListener('hashchange', look)
  return {
    route,
    go(next, how = 'push') {
      const address = addressOf(next)
      if (addresses === 'hash') {
        if (how === 'replace') history.replaceState(null, '', address)
        else if (location.hash !== address) history.pushState(null, '', address)
      } else {
        sessionStorage.setItem(REMEMBERED, address)
      }
      route.value = next
    },
    href: addressOf,
    close: () => removeEventListener('hashchange', look),
  }
}
