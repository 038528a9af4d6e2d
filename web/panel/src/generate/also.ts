/** Further characters of a picture: who can be in it beside the first, and in what state each is. Plain functions. */

import type { Character, Lora } from '../api/types'

/** As many as the server takes beside the first. */
export const MOST_ALSO = 7

/** Somebody who was added, as a draft keeps it. */
export interface Also {
  character: string
  /** Empty: the one that was chosen for the character, else its latest. */
  lora: string
  /** null: the character's own. */
  strength: number | null
}

/** Why somebody can't be in a picture; empty: nothing speaks against it. */
export type Hindrance = '' | 'gone' | 'untrained' | 'otherModel'

/** Somebody who could be added, or was. */
export interface Candidate {
  id: string
  name: string
  /** null: it is not there any more. */
  character: Character | null
  /** Versions that go together with the picture's base model, the latest first. */
  loras: Lora[]
  hindrance: Hindrance
  /** The base model that it was trained on instead, if that is what hinders. */
  other: string
}

/** Somebody who was added. */
export interface Companion extends Candidate {
  lora: Lora | null
  strength: number
  /** Name of another one in the picture with the same trigger word; empty: there is none. */
  sameWord: string
}

/** What is known of a character where a picture is made with a base model. */
export function candidateOf(id: string, people: readonly Character[], loras: readonly Lora[], family: string): Candidate {
  const character = people.find((one) => one.id === id) ?? null
  const own = loras.filter((lora) => lora.character === id && lora.present)
  const fitting = own.filter((lora) => lora.family === family)
  const hindrance = !character ? 'gone' : fitting.length ? '' : own.length ? 'otherModel' : 'untrained'
  return { id, name: character?.name ?? id, character, loras: fitting, hindrance, other: hindrance === 'otherModel' ? own[0]!.family : '' }
}

/** Those who were added, in their order; `first` is the character whose picture it is. */
export function companionsOf(also: readonly Also[], first: { name: string; lora: Lora }, people: readonly Character[], loras: readonly Lora[]): Companion[] {
  const words = [{ name: first.name, word: first.lora.trigger_word }]
  return also.map(({ character: id, lora: wanted, strength }) => {
    const found = candidateOf(id, people, loras, first.lora.family)
    const pick = (version: string | undefined): Lora | undefined => found.loras.find((one) => one.id === version)
    const lora = pick(wanted) ?? pick(found.character?.lora) ?? found.loras[0] ?? null
    const word = lora?.trigger_word ?? ''
    const sameWord = words.find((one) => word && one.word.toLowerCase() === word.toLowerCase())?.name ?? ''
    words.push({ name: found.name, word })
    return { ...found, lora, strength: strength ?? found.character?.strength ?? 1, sameWord }
  })
}
