/** What is done to many photos at once; everything can be taken back. */

import { ref, type Ref } from 'vue'

import type { Photo, PhotoKey } from '../api/types'
import { usePanel } from '../app/context'

type Moved = { before: PhotoKey; after: PhotoKey }
const bare = ({ character, file }: PhotoKey): PhotoKey => ({ character, file })

export interface Bulk {
  /** Whether something is under way: thousands of photos take a while. */
  busy: Ref<boolean>
  remove(photos: readonly PhotoKey[]): Promise<void>
  reject(photos: readonly PhotoKey[], rejected: boolean): Promise<void>
  move(photos: readonly Photo[], character: string): Promise<void>
}

/** `changed` is called after every change, and after it was taken back. */
export function useBulk(changed: () => Promise<void> | void): Bulk {
  const { request, toasts, words } = usePanel()
  const busy = ref(false)
  /** Being deleted: a second press of the key while a photo is still shown means the same. */
  const going = new Set<string>()
  const nameOf = ({ character, file }: PhotoKey): string => `${character}/${file}`

  async function asked<T>(path: string, body: unknown): Promise<T | undefined> {
    busy.value = true
    const done = await toasts.trying(() => request<T>('POST', path, { body }))
    busy.value = false
    return done
  }

  return {
    busy,

    remove: async (given) => {
      const photos = given.map(bare).filter((photo) => !going.has(nameOf(photo)))
      if (!photos.length) return
      for (const photo of photos) going.add(nameOf(photo))
      const done = await asked<{ trash: string[] }>('/images/delete', { photos })
      if (done) await changed()
      for (const photo of photos) going.delete(nameOf(photo))
      if (!done) return
      toasts.done(words.t('photos.deleted', { n: photos.length }), async () => {
        await request('POST', '/images/restore', { body: { trash: done.trash } })
        await changed()
      })
    },

    /** Those that were put aside before are left out of Undo. */
    reject: async (photos, rejected) => {
      const body = { photos: photos.map(bare), rejected }
      const done = await asked<{ photos: PhotoKey[] }>('/images/reject', body)
      if (!done) return
      await changed()
      const undo = async (): Promise<void> => {
        await request('POST', '/images/reject', { body: { photos: done.photos, rejected: !rejected } })
        await changed()
      }
      toasts.done(words.t(rejected ? 'photos.aside' : 'photos.back', { n: done.photos.length }), done.photos.length ? undo : undefined)
    },

    move: async (photos, character) => {
      const body = { photos: photos.filter((photo) => photo.character !== character).map(bare), character }
      if (!body.photos.length) return
      const done = await asked<{ moved: Moved[] }>('/images/move', body)
      if (!done) return
      await changed()
      toasts.done(words.t('dataset.moved', { n: done.moved.length }), async () => {
        for (const home of new Set(done.moved.map(({ before }) => before.character))) {
          const back = done.moved.filter(({ before }) => before.character === home).map(({ after }) => after)
          await request('POST', '/images/move', { body: { photos: back, character: home } })
        }
        await changed()
      })
    },
  }
}
