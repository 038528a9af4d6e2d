/** What somebody is about to ask for, kept for as long as the window lives: leaving the step loses nothing. */

import { reactive, watch } from 'vue'

import type { Aspect, Lora, NewGeneration } from '../api/types'
import type { Use } from './again'
import type { Also, Companion } from './also'
import { bodyOf, noGuides, type Guides } from './guides'
import { introduced, withoutIntroduction } from './wording'

export interface Draft {
  prompt: string
  aspect: Aspect
  count: number
  /** null: the character's own. */
  strength: number | null
  /** Further characters in the picture. */
  also: Also[]
  /** Empty: the generator's own. */
  steps: number | ''
  guidance: number | ''
  seed: string
  /** The generator's name; empty: the first that is ready. */
  generator: string
  /** One of the generator's base files; empty: the one that suits best. */
  base: string
  guides: Guides
}

export const emptyDraft = (): Draft => ({
  prompt: '', aspect: '1:1', count: 4, strength: null, also: [], steps: '', guidance: '', seed: '', generator: '', base: '', guides: noGuides(),
})

const key = (character: string): string => `isengard.draft.${character}`

/** A draft as it was stored; what is no draft is a new one. Addresses of pictures do not outlive their page. */
export function draftFrom(text: string | null): Draft {
  try {
    const found = JSON.parse(text ?? '{}') as Partial<Draft>
    const draft = { ...emptyDraft(), ...found, guides: { ...noGuides(), ...found.guides } }
    for (const guide of [draft.guides.controlnet, draft.guides.image_prompt]) {
      if (guide.picture) guide.picture = { ...guide.picture, url: '' }
    }
    return draft
  } catch {
    return emptyDraft()
  }
}

export function useDraft(character: string): Draft {
  const draft = reactive(draftFrom(sessionStorage.getItem(key(character))))
  watch(draft, (now) => sessionStorage.setItem(key(character), JSON.stringify(now)), { deep: true })
  return draft
}

/** Whose picture it is, and who else is in it. */
export interface Who {
  character: string
  classWord: string
  lora: Pick<Lora, 'id' | 'trigger_word'>
  strength: number
  others: readonly Companion[]
  generator: string
}

/** The request that a draft is. */
export function wishOf(draft: Draft, who: Who): NewGeneration {
  const others = who.others.map(({ lora, character }) => ({ word: lora?.trigger_word ?? '', classWord: character?.class_word ?? '' }))
  const body: NewGeneration = {
    ...bodyOf(draft.guides),
    prompt: introduced(draft.prompt, [{ word: who.lora.trigger_word, classWord: who.classWord }, ...others]),
    character: who.character,
    lora: who.lora.id,
    strength: draft.strength ?? who.strength,
    aspect: draft.aspect,
    count: draft.count,
  }
  if (who.others.length) body.also = who.others.map(({ id, lora, strength }) => ({ character: id, lora: lora?.id ?? '', strength }))
  if (draft.steps !== '') body.steps = draft.steps
  if (draft.guidance !== '') body.guidance = draft.guidance
  if (/^\d+$/.test(draft.seed)) body.seed = Number(draft.seed)
  if (draft.base) body.base_file = draft.base
  if (who.generator) body.generator = who.generator as NonNullable<NewGeneration['generator']>
  return body
}

/** Takes a picture's settings over, seed included, so that they can be changed before they are asked for again.
 * Whoever's draft it is comes first in it, also where the picture had somebody else there. */
export function takeOver(draft: Draft, body: NewGeneration, uses: readonly Use[], character: string): void {
  const mine = uses.find((use) => use.character === character) ?? uses[0]
  const rest = withoutIntroduction(body.prompt ?? '', uses)
  draft.prompt = mine === uses[0] ? rest : rest.replaceAll('{trigger}', () => uses[0]?.word ?? '')
  draft.also = uses.filter((use) => use !== mine).map(({ character: id, lora, strength }) => ({ character: id, lora, strength }))
  draft.aspect = body.aspect ?? '1:1'
  draft.count = body.count ?? 1
  draft.strength = mine?.strength ?? null
  draft.steps = body.steps ?? ''
  draft.guidance = body.guidance ?? ''
  draft.seed = body.seed == null ? '' : String(body.seed)
  draft.guides = noGuides()
}
