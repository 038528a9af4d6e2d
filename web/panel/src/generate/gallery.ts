/** A character's pictures, page after page; deleted and taken back, made its cover, opened as a workflow. */

import { usePages, type Pages } from '../api/pages'
import { part } from '../api/request'
import type { Picture, PicturePage } from '../api/types'
import { useEvent, usePanel } from '../app/context'
import { useCharacters } from '../characters/list'

const PAGE = 60

export interface Gallery extends Pages<PicturePage, Picture> {
  remove(picture: Picture): Promise<void>
  makeCover(picture: Picture): Promise<void>
}

export function useGallery(character: string): Gallery {
  const { request, toasts, words } = usePanel()
  const characters = useCharacters()
  const pages = usePages('pictures', (cursor) => request<PicturePage>('GET', '/gallery', { query: { character, limit: PAGE, cursor } }))
  useEvent(['gallery', 'reset'], () => void pages.list.reload())

  return {
    ...pages,
    async remove(picture) {
      const done = await toasts.trying(() => request('DELETE', `/gallery/${part(picture.id)}`).then(() => true))
      if (!done) return
      await pages.list.reload()
      toasts.done(words.t('picture.deleted'), async () => {
        await request('POST', `/gallery/${part(picture.id)}/restore`)
        await pages.list.reload()
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
