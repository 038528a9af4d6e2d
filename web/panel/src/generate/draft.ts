/** What somebody is about to ask for, kept for as long as the window lives: leaving the step loses nothing. */

import { reactive, watch } from 'vue'

import type { Aspect, NewGeneration } from '../api/types'
import { bodyOf, noGuides, type Guides } from './guides'

export interface Draft {
  prompt: string
  aspect: Aspect
  count: number
  /** null: the character's own. */
  strength: number | null
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
  prompt: '', aspect: '1:1', count: 4, strength: null, steps: '', guidance: '', seed: '', generator: '', base: '', guides: noGuides(),
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

/** The request that a draft is. */
export function wishOf(draft: Draft, who: { character: string; classWord: string; lora: string; strength: number; generator: string }): NewGeneration {
  const body: NewGeneration = {
    ...bodyOf(draft.guides),
    prompt: `{trigger} ${who.classWord}, ${draft.prompt.trim()}`.replace(/, $/, ''),
    character: who.character,
    lora: who.lora,
    strength: draft.strength ?? who.strength,
    aspect: draft.aspect,
    count: draft.count,
  }
  if (draft.steps !== '') body.steps = draft.steps
  if (draft.guidance !== '') body.guidance = draft.guidance
  if (/^\d+$/.test(draft.seed)) body.seed = Number(draft.seed)
  if (draft.base) body.base_file = draft.base
  if (who.generator) body.generator = who.generator as NonNullable<NewGeneration['generator']>
  return body
}

/** Takes a picture's settings over, seed included, so that they can be changed before they are asked for again. */
export function takeOver(draft: Draft, body: NewGeneration, classWord: string): void {
  const start = `{trigger} ${classWord}, `
  const prompt = body.prompt ?? ''
  draft.prompt = prompt.startsWith(start) ? prompt.slice(start.length) : prompt.replace(/^\{trigger\}[ ,]*/, '')
  draft.aspect = body.aspect ?? '1:1'
  draft.count = body.count ?? 1
  draft.strength = body.strength ?? null
  draft.steps = body.steps ?? ''
  draft.guidance = body.guidance ?? ''
  draft.seed = body.seed == null ? '' : String(body.seed)
  draft.guides = noGuides()
}
