/** A long list, page after page; asked for anew it is asked for as far as it was shown, so that nothing falls between two pages. */

import { computed, type ComputedRef } from 'vue'

import { useLoading, type Loading } from './loadable'

type Page<Name extends string> = { next: string } & Record<Name, unknown[]>

export interface Pages<Found, Item> {
  list: Loading<Found>
  /** Of all pages that are there. */
  items: ComputedRef<Item[]>
  /** Whether there are more. */
  isMore: ComputedRef<boolean>
  loadMore(): Promise<void>
  /** Begins with the first page of something else. */
  restart(): Promise<void>
}

/** `name` is what a page calls its entries; `ask` gives the page behind a cursor. */
export function usePages<Name extends string, Found extends Page<Name>>(
  name: Name,
  ask: (cursor: string) => Promise<Found>,
  isEmpty: (first: Found) => boolean = (first) => first[name].length === 0,
): Pages<Found, Found[Name][number]> {
  let wanted = 0
  const list = useLoading(async () => {
    let found = await ask('')
    while (found.next && found[name].length < wanted) {
      const more = await ask(found.next)
      found = { ...found, next: more.next, [name]: [...found[name], ...more[name]] }
    }
    return found
  }, isEmpty)
  const known = computed(() => ('data' in list.value.value ? list.value.value.data : null))
  const items = computed<Found[Name][number][]>(() => known.value?.[name] ?? [])
  return {
    list,
    items,
    isMore: computed(() => !!known.value?.next),
    loadMore() {
      wanted = items.value.length + 1
      return list.reload()
    },
    restart() {
      wanted = 0
      return list.restart()
    },
  }
}
