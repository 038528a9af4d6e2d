/** All characters, made and deleted; one list for the whole panel. */

import { inject, provide, ref, type InjectionKey, type Ref } from 'vue'

import { useLoading, useSoon, type Loading } from '../api/loadable'
import { part } from '../api/request'
import { sendFiles } from '../api/sending'
import type { Character, CharacterList, NewCharacter } from '../api/types'
import { useEvent, usePanel } from '../app/context'
import { say, type Said } from '../i18n/server'

export interface Characters extends Loading<CharacterList> {
  create(values: Partial<NewCharacter> & { name: string }): Promise<Character>
  change(id: string, values: Record<string, unknown>): Promise<Character>
  remove(character: Character): Promise<void>
  trySample(): Promise<Character>
  /** Makes a character of an archive that was exported, or of photos in a zip. */
  bringIn(archive: File): Promise<void>
  /** The archive that is on its way, and how much of it was sent. */
  readonly coming: Ref<{ name: string; share: number } | null>
}

interface Imported {
  character: Character
  photos: number
  loras: number
  warnings: Said[]
}

/** An upload of many photos tells of each; the list is asked for now and then. */
const SOON_MS = 300
const LIST: InjectionKey<Characters> = Symbol('characters')
export function provideCharacters(): Characters {
  const { request, host, toasts, router, words } = usePanel()
  const loading = useLoading(
    () => request<CharacterList>('GET', '/characters'),
    (found) => found.characters.length + found.broken.length === 0,
  )
  useEvent(['library', 'reset'], useSoon(loading.reload, SOON_MS))

  async function create(values: Partial<NewCharacter> & { name: string }): Promise<Character> {
    const made = await request<Character>('POST', '/characters', { body: values })
    await loading.reload()
    return made
  }

  async function remove(character: Character): Promise<void> {
    const before = router.route.value
    const isOpen = before.at === 'character' && before.character === character.id
    if (isOpen) router.go({ at: 'home' }) // first: what is shown of it would ask for it again while it goes
    try {
      await request('DELETE', `/characters/${part(character.id)}`)
    } catch (problem) {
      if (isOpen) router.go(before)
      throw problem
    }
    await loading.reload()
    toasts.done(words.t('characters.deleted', { name: character.name }), async () => {
      const back = await request<Character>('POST', `/characters/${part(character.id)}/restore`)
      await loading.reload()
      if (isOpen) router.go({ at: 'character', character: back.id, step: before.step })
    })
  }

  /** The character that comes with the pack; the same one if it is there already. */
  async function trySample(): Promise<Character> {
    const made = await request<Character>('POST', '/characters/sample')
    await loading.reload()
    return made
  }

  const coming = ref<{ name: string; share: number } | null>(null)

  async function bringIn(archive: File): Promise<void> {
    const body = new Blob([archive], { type: 'application/zip' })
    coming.value = { name: archive.name, share: 0 }
    try {
      const came = await sendFiles<Imported>(`${host.base}/characters/import`, body, (share) => (coming.value = { name: archive.name, share }))
      await loading.reload()
      toasts.done(words.t('characters.came', { name: came.character.name, n: came.photos }), () => remove(came.character))
      for (const warning of came.warnings) toasts.done(say(warning, words))
      router.go({ at: 'character', character: came.character.id, step: null })
    } finally {
      coming.value = null
    }
  }

  const list: Characters = {
    ...loading,
    coming,
    bringIn,
    create,
    change: async (id, values) => {
      const changed = await request<Character>('PATCH', `/characters/${part(id)}`, { body: values })
      await loading.reload()
      return changed
    },
    remove,
    trySample,
  }
  provide(LIST, list)
  return list
}

export function useCharacters(): Characters {
  const list = inject(LIST)
  if (!list) throw new Error('There is no list of characters here.')
  return list
}
