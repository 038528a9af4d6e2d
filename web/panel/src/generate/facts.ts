/** What a picture was made with, as lines for people. Plain functions of its settings. */

import type { Picture } from '../api/types'
import type { Words } from '../i18n/words'
import { usesOf } from './again'
import { TOGGLES } from './guides'
import { readable } from './wording'

export interface Fact {
  label: string
  value: string
}

const PLAIN = ['seed', 'aspect', 'steps', 'guidance', 'family', 'generator'] as const

/** What a guide's numbers are called; the others say nothing to people. */
const NUMBERS = { strength: 'strength', end: 'guide.until', denoise: 'guide.denoise', factor: 'guide.factor' } as const

/** A guide's choice and numbers; files stay unnamed. */
function shown(guide: unknown, { t, named }: Pick<Words, 't' | 'named'>): string {
  const said = Object.entries(guide as Record<string, unknown>).map(([name, value]) => {
    if (name in NUMBERS) return `${t(NUMBERS[name as keyof typeof NUMBERS])} ${String(value)}`
    return typeof value === 'string' && name !== 'image' ? named(`guide.${value}`, value) : ''
  })
  return said.filter(Boolean).join(', ')
}

/** A picture's prompt with names in it. */
export function textOf(picture: Pick<Picture, 'prompt' | 'settings'>, nameOf: (id: string) => string): string {
  return readable(picture.prompt, usesOf(picture).map(({ character, word }) => ({ word, name: character && nameOf(character) })))
}

/** `nameOf` gives a character's name. */
export function factsOf({ settings }: Pick<Picture, 'settings'>, words: Pick<Words, 't' | 'named'>, nameOf: (id: string) => string): Fact[] {
  const { t } = words
  const people = usesOf({ settings }).map(({ character, lora, strength }) => ({
    label: character ? nameOf(character) : 'LoRA',
    value: strength === null ? lora : t('picture.use', { lora: lora || '–', strength }),
  }))
  const plain = PLAIN.filter((name) => settings[name] != null && settings[name] !== '').map((name) => ({ label: t(`picture.${name}`), value: String(settings[name]) }))
  const guides = TOGGLES.filter((name) => settings[name]).map((name) => ({ label: t(`guide.${name}`), value: shown(settings[name], words) }))
  return [...people, ...plain, ...guides]
}
