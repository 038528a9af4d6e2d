/** A character's pictures, page after page; deleted and taken back, made its cover, opened as a workflow. */

import { computed, shallowRef, watch, type ComputedRef, type ShallowRef } from 'vue'

import { useLoading, type Loading } from '../api/loadable'
import { part } from '../api/request'
import type { Picture, PicturePage } from '../api/types'
import { useEvent, usePanel } from '../app/context'
import { useCharacters } from '../characters/list'

const PAGE = 60

export interface Gallery {
  first: Loading<PicturePage>
  pictures: ComputedRef<Picture[]>
  /** Where the next page begins; empty on the last. */
  cursor: ShallowRef<string>
  loadMore(): Promise<void>
  remove(picture: Picture): Promise<void>
  makeCover(picture: Picture): Promise<void>
}

export function useGallery(character: string): Gallery {
  const { request, toasts, words } = usePanel()
  const characters = useCharacters()
  const more = shallowRef<Picture[]>([])
  const cursor = shallowRef('')
  const ask = (from: string): Promise<PicturePage> =>
    request<PicturePage>('GET', '/gallery', { query: { character, limit: PAGE, cursor: from } })
  const first = useLoading(
    () => ask(''),
    (page) => page.pictures.length === 0,
  )
  useEvent(['gallery', 'reset'], () => void first.reload())
  watch(first.value, (now) => {
    if ('data' in now && more.value.length === 0) cursor.value = now.data.next
  })
  const pictures = computed<Picture[]>(() => {
    const known = first.value.value
    const newest = 'data' in known ? known.data.pictures : []
    const ids = new Set(newest.map(({ id }) => id))
    return [...newest, ...more.value.filter(({ id }) => !ids.has(id))]
  })

  return {
    first,
    pictures,
    cursor,
    async loadMore() {
      const page = await toasts.trying(() => ask(cursor.value))
      if (!page) return
      more.value = [...more.value, ...page.pictures]
      cursor.value = page.next
    },
    async remove(picture) {
      const done = await toasts.trying(() => request('DELETE', `/gallery/${part(picture.id)}`).then(() => true))
      if (!done) return
      more.value = more.value.filter(({ id }) => id !== picture.id)
      await first.reload()
      toasts.done(words.t('picture.deleted'), async () => {
        await request('POST', `/gallery/${part(picture.id)}/restore`)
        await first.reload()
      })
    },
    async makeCover(picture) {
      const before = await toasts.trying(() => request<{ cover: string; cover_picture: string }>('GET', `/characters/${part(character)}`))
      const done = before && (await toasts.trying(() => characters.change(character, { cover_picture: picture.id })))
      if (!done) return
      const back = before.cover_picture || !before.cover ? { cover_picture: before.cover_picture } : { cover: before.cover }
      toasts.done(words.t('picture.coverDone'), () => characters.change(character, back))
    },
  }
}
