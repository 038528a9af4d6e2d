/** All characters, made and deleted; one list for the whole panel. */

import { inject, provide, type InjectionKey } from 'vue'

import { useLoading, type Loading } from '../api/loadable'
import { errorFrom, part } from '../api/request'
import type { Character, CharacterList, NewCharacter } from '../api/types'
import { useEvent, usePanel } from '../app/context'

export interface Characters extends Loading<CharacterList> {
  create(values: Partial<NewCharacter> & { name: string }): Promise<Character>
  change(id: string, values: Record<string, unknown>): Promise<Character>
  remove(character: Character): Promise<void>
  trySample(): Promise<Character>
}

const LIST: InjectionKey<Characters> = Symbol('characters')
interface Sample {
  name: string
  class_word: string
  photos: { name: string; caption: string; data: string }[]
}

export function provideCharacters(): Characters {
  const { request, host, toasts, router, words } = usePanel()
  const loading = useLoading(
    () => request<CharacterList>('GET', '/characters'),
    (found) => found.characters.length + found.broken.length === 0,
  )
  useEvent(['library', 'reset'], () => void loading.reload())

  async function create(values: Partial<NewCharacter> & { name: string }): Promise<Character> {
    const made = await request<Character>('POST', '/characters', { body: values })
    await loading.reload()
    return made
  }

  async function remove(character: Character): Promise<void> {
    const before = router.route.value
    router.go({ at: 'home' }) // first: what is shown of it would ask for it again while it goes
    try {
      await request('DELETE', `/characters/${part(character.id)}`)
    } catch (problem) {
      router.go(before)
      throw problem
    }
    await loading.reload()
    toasts.done(words.t('characters.deleted', { name: character.name }), async () => {
      const back = await request<Character>('POST', `/characters/${part(character.id)}/restore`)
      await loading.reload()
      router.go({ at: 'character', character: back.id, step: null })
    })
  }

  /** Makes the sample character and answers at once; its photos arrive one after the other, as if dropped in. */
  async function trySample(): Promise<Character> {
    const sample = (await (await fetch(`${host.files}sample.json`)).json()) as Sample
    const made = await create({ name: sample.name, class_word: sample.class_word, notes: words.t('sample.note') })
    const changed = await request<Character>('PATCH', `/characters/${part(made.id)}`, { body: { family: 'mini' } })
    void toasts.trying(() => sendPhotos(made.id, sample))
    return changed
  }

  async function sendPhotos(id: string, sample: Sample): Promise<void> {
    for (const photo of sample.photos) {
      const form = new FormData()
      form.append('files', new File([photo.caption], photo.name.replace(/\.jpg$/, '.txt'), { type: 'text/plain' }))
      const bytes = Uint8Array.from(atob(photo.data), (sign) => sign.charCodeAt(0))
      form.append('files', new File([bytes], photo.name, { type: 'image/jpeg' }))
      const response = await fetch(`${host.base}/characters/${part(id)}/images`, { method: 'POST', body: form })
      if (!response.ok) throw errorFrom(response.status, await response.text())
    }
  }

  const list: Characters = {
    ...loading,
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
