/** The training settings' names and help in other languages; in English the server says them itself. */

import { shallowRef, watch, type ShallowRef } from 'vue'

import type { Setting } from '../api/types'
import type { Language, Words } from '../i18n/words'

export interface Texts {
  units: Record<string, string>
  settings: Record<string, { name: string; help: string }>
}

const NONE: Texts = { units: {}, settings: {} }
const LOADERS: Record<Exclude<Language, 'en'>, () => Promise<{ default: Texts }>> = {
  de: () => import('./texts/de.json'),
  zh: () => import('./texts/zh.json'),
  ar: () => import('./texts/ar.json'),
}

/** The texts in the reader's language, as soon as they have come. */
export function useTexts(words: Words): ShallowRef<Texts> {
  const texts = shallowRef<Texts>(NONE)
  watch(words.language, async (language) => {
    const loaded = language === 'en' ? NONE : (await LOADERS[language]()).default
    if (words.language.value === language) texts.value = loaded
  }, { immediate: true })
  return texts
}

/** A setting with its words in the reader's language; what has none keeps the server's. */
export function translated(setting: Setting, { units, settings }: Texts): Setting & { label: string } {
  const found = settings[setting.name]
  return {
    ...setting,
    label: found?.name ?? setting.name.replaceAll('_', ' '),
    help: found?.help ?? setting.help,
    unit: units[setting.unit] ?? setting.unit,
  }
}
