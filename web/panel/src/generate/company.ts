/** Who else is in the picture that a draft asks for, and who could be. */

import { computed, type ComputedRef } from 'vue'

import { useLoading } from '../api/loadable'
import type { ApiError } from '../api/request'
import type { Lora } from '../api/types'
import { useEvent, usePanel } from '../app/context'
import { useCharacters } from '../characters/list'
import { candidateOf, companionsOf, type Candidate, type Companion } from './also'
import type { Draft } from './draft'

export interface Company {
  companions: ComputedRef<Companion[]>
  candidates: ComputedRef<Candidate[]>
  /** Somebody was added, and it is not known yet with which LoRA. */
  waiting: ComputedRef<boolean>
  problem: ComputedRef<ApiError | null>
  reload(): Promise<void>
  /** Whether a LoRA can be used; where nobody knows, the server will say. */
  isThere(lora: string): boolean
  nameOf(character: string): string
}

/** `first`: whose picture it is, with the LoRA that is used; null as long as there is none. */
export function useCompany(draft: Draft, first: () => { id: string; name: string; lora: Lora } | null): Company {
  const { request } = usePanel()
  const characters = useCharacters()
  const all = useLoading(async () => (await request<{ loras: Lora[] }>('GET', '/loras')).loras)
  useEvent(['jobs', 'reset'], () => void all.reload())
  const people = computed(() => ('data' in characters.value.value ? characters.value.value.data.characters : []))
  const loras = computed(() => ('data' in all.value.value ? all.value.value.data : null))

  return {
    companions: computed(() => {
      const whose = first()
      return whose && loras.value ? companionsOf(draft.also, whose, people.value, loras.value) : []
    }),
    candidates: computed(() => {
      const whose = first()
      if (!whose || !loras.value) return []
      const taken = new Set([whose.id, ...draft.also.map(({ character }) => character)])
      return people.value.filter(({ id }) => !taken.has(id)).map(({ id }) => candidateOf(id, people.value, loras.value!, whose.lora.family))
    }),
    waiting: computed(() => draft.also.length > 0 && !loras.value),
    problem: computed(() => (all.value.value.state === 'failed' ? all.value.value.error : null)),
    reload: all.reload,
    isThere: (lora) => !loras.value || loras.value.some(({ id, present }) => id === lora && present),
    nameOf: (character) => people.value.find(({ id }) => id === character)?.name ?? character,
  }
}
