/** A character's photos: all of them, and what can be done to one; every change can be taken back. */

import { useLoading, type Loading } from '../api/loadable'
import { part, type Request } from '../api/request'
import type { Finding, Photo, PhotoList } from '../api/types'
import { useEvent, usePanel } from '../app/context'

const PAGE = 500

/** All photos of a query, page by page. */
export async function allPhotos(request: Request, character: string): Promise<Photo[]> {
  const photos: Photo[] = []
  let cursor = ''
  do {
    const found = await request<PhotoList>('GET', `/characters/${part(character)}/images`, { query: { limit: PAGE, cursor } })
    photos.push(...found.photos)
    cursor = found.next
  } while (cursor)
  return photos
}

export type Badge = 'good' | 'look' | 'bad' | 'aside' | 'waiting'

export const findingsOf = (photo: Photo): Finding[] => photo.findings as unknown as Finding[]

/** How a photo is, in one word. */
export function badgeOf(photo: Photo): Badge {
  if (photo.rejected) return 'aside'
  if (photo.state === 'damaged') return 'bad'
  if (photo.state !== 'ok') return 'waiting'
  const levels = findingsOf(photo).map(({ level }) => level)
  if (levels.includes('reject')) return 'bad'
  return levels.includes('warn') ? 'look' : 'good'
}

export interface Photos extends Loading<Photo[]> {
  change(photo: Photo, body: Record<string, unknown>): Promise<Photo>
  remove(photos: readonly Photo[]): Promise<void>
  reject(photos: readonly Photo[], rejected: boolean): Promise<void>
}

const keyOf = ({ character, file }: Photo): { character: string; file: string } => ({ character, file })

export function usePhotos(character: string): Photos {
  const { request, toasts, words } = usePanel()
  const loading = useLoading(
    () => allPhotos(request, character),
    (photos) => photos.length === 0,
  )
  useEvent('library', (data) => {
    if ((data.characters as string[] | undefined)?.includes(character)) void loading.reload()
  })
  useEvent('reset', () => void loading.reload())

  return {
    ...loading,
    async change(photo, body) {
      const changed = await request<Photo>('PATCH', `/characters/${part(photo.character)}/images/${part(photo.file)}`, { body })
      const known = loading.value.value
      if ('data' in known) loading.set(known.data.map((one) => (one.file === changed.file ? changed : one)))
      return changed
    },
    async remove(photos) {
      const { trash } = await request<{ trash: string[] }>('POST', '/images/delete', { body: { photos: photos.map(keyOf) } })
      await loading.reload()
      toasts.done(words.t('photos.deleted', { n: photos.length }), async () => {
        await request('POST', '/images/restore', { body: { trash } })
        await loading.reload()
      })
    },
    async reject(photos, rejected) {
      await request('POST', '/images/reject', { body: { photos: photos.map(keyOf), rejected } })
      await loading.reload()
      toasts.done(words.t(rejected ? 'photos.aside' : 'photos.back', { n: photos.length }), async () => {
        await request('POST', '/images/reject', { body: { photos: photos.map(keyOf), rejected: !rejected } })
        await loading.reload()
      })
    },
  }
}
