/** A character's photos: all of them, and what can be done to one; every change can be taken back. */

import { useLoading, useSoon, type Loading } from '../api/loadable'
import { part, type Request } from '../api/request'
import type { Finding, Photo, PhotoList } from '../api/types'
import { useEvent, usePanel } from '../app/context'
import { useBulk, type Bulk } from './bulk'

const PAGE = 500

/** All photos of a character, page by page; `some` hears of the first, which can be shown while the others come. */
export async function allPhotos(request: Request, character: string, some: (photos: Photo[]) => void): Promise<Photo[]> {
  const photos: Photo[] = []
  let cursor = ''
  do {
    const found = await request<PhotoList>('GET', `/characters/${part(character)}/images`, { query: { limit: PAGE, cursor } })
    photos.push(...found.photos)
    if (found.next && !cursor) some(found.photos)
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

export const keyOf = ({ character, file }: Pick<Photo, 'character' | 'file'>): string => `${character}/${file}`

/** Changes one photo: caption, crop, turn, kept findings. */
export function useChange(changed: (photo: Photo) => void): (photo: Photo, body: Record<string, unknown>) => Promise<Photo> {
  const { request } = usePanel()
  return async (photo, body) => {
    const now = await request<Photo>('PATCH', `/characters/${part(photo.character)}/images/${part(photo.file)}`, { body })
    changed(now)
    return now
  }
}

export interface Photos extends Loading<Photo[]>, Pick<Bulk, 'remove' | 'reject'> {
  change(photo: Photo, body: Record<string, unknown>): Promise<Photo>
}

/** How long to wait for more news before all is asked for again: long lists take longer to load. */
const patience = (loading: Loading<Photo[]>): number => 150 + ('data' in loading.value.value ? loading.value.value.data.length / 2 : 0)

export function usePhotos(character: string): Photos {
  const { request } = usePanel()
  const loading = useLoading<Photo[]>((some) => allPhotos(request, character, some), (photos) => photos.length === 0)
  const soon = useSoon(loading.reload, () => patience(loading))
  useEvent('library', (data) => {
    if ((data.characters as string[] | undefined)?.includes(character)) soon()
  })
  useEvent('reset', soon)
  const change = useChange((photo) => {
    const known = loading.value.value
    if ('data' in known) loading.set(known.data.map((one) => (one.file === photo.file ? photo : one)))
  })
  const { remove, reject } = useBulk(() => loading.reload())
  return { ...loading, change, remove, reject }
}
