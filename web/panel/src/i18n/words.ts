/** The panel's words in the reader's language, with plural forms and numbers as that language writes them. */

import { computed, ref, shallowRef, type ComputedRef, type Ref, type ShallowRef } from 'vue'

import english from './en.json'
import { NO_TEXTS, type ServerTexts } from './server'

export type Key = keyof typeof english
/** A text, or its plural forms by the language's own rules; `{n}` and other names are filled in. */
export type Message = string | Partial<Record<Intl.LDMLPluralRule, string>>
export type Messages = Record<Key, Message>

export const LANGUAGES = { en: 'English', de: 'Deutsch', zh: '中文', ar: 'العربية' } as const
export type Language = keyof typeof LANGUAGES
/** Where the choice is kept; `auto` and nothing mean the language around. */
export const STORED = 'isengard.language'

/** A language's two files: the panel's own texts, and those for what the server says. */
const LOADERS: Record<Exclude<Language, 'en'>, () => Promise<{ default: unknown }[]>> = {
  de: () => Promise.all([import('./de.json'), import('./server.de.json')]),
  zh: () => Promise.all([import('./zh.json'), import('./server.zh.json')]),
  ar: () => Promise.all([import('./ar.json'), import('./server.ar.json')]),
}

export interface Words {
  readonly language: Ref<Language>
  readonly direction: ComputedRef<'ltr' | 'rtl'>
  t(key: Key, values?: Record<string, string | number>): string
  /** Whether there is a text of this name: for names that come from the server. */
  has(key: string): key is Key
  /** The text of a name that comes from the server, or what else to say. */
  named(key: string, otherwise: string, values?: Record<string, string | number>): string
  /** Shows another language and remembers it. */
  choose(language: Language): Promise<void>
  /** Shows another language. */
  show(language: Language): Promise<void>
  readonly messages: ShallowRef<Messages>
  /** For what the server says; empty in English, which is the server's own. See server.ts. */
  readonly server: ShallowRef<ServerTexts>
}

/** The best language for a list of wishes such as `['de-AT', 'en']`. */
export function languageFor(wishes: readonly string[]): Language {
  for (const wish of wishes) {
    const short = wish.toLowerCase().split('-')[0] ?? ''
    if (short in LANGUAGES) return short as Language
  }
  return 'en'
}

/** In a language from right to left a value keeps its own direction, so that `19 GB.` is not turned around. */
const isolated = (value: string, language: Language): string => (language === 'ar' ? `\u2068${value}\u2069` : value)

/** Fills in a message. A number called `n` chooses the plural form. */
export function fill(message: Message, values: Record<string, string | number>, language: Language): string {
  const form =
    typeof message === 'string'
      ? message
      : (message[new Intl.PluralRules(language).select(Number(values.n ?? 0))] ?? message.other ?? '')
  return form.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name]
    if (value === undefined) return whole
    return isolated(typeof value === 'number' ? new Intl.NumberFormat(language).format(value) : value, language)
  })
}

/** `around`: the language of what the panel stands in; it comes before the browser's. */
export function makeWords(around = ''): Words {
  const language = ref<Language>('en')
  const messages = shallowRef<Messages>(english)
  const server = shallowRef<ServerTexts>(NO_TEXTS)

  let latest: Language = 'en'
  /** Whichever comes first, what was wanted last is shown. */
  async function show(wanted: Language): Promise<void> {
    latest = wanted
    const [own, others] = wanted === 'en' ? [] : await LOADERS[wanted]()
    if (latest !== wanted) return
    messages.value = own ? (own.default as Messages) : english
    server.value = others ? (others.default as ServerTexts) : NO_TEXTS
    language.value = wanted
  }

  const t: Words['t'] = (key, values = {}) => fill(messages.value[key] ?? english[key] ?? key, values, language.value)
  const has = (key: string): key is Key => key in english

  const stored = localStorage.getItem(STORED)
  const first = stored && stored !== 'auto' ? [stored] : [around, ...navigator.languages]
  const wanted = languageFor(first)
  if (wanted !== 'en') void show(wanted)
  return {
    language,
    messages,
    server,
    direction: computed(() => (language.value === 'ar' ? 'rtl' : 'ltr')),
    t,
    has,
    named: (key, otherwise, values) => (has(key) ? t(key, values) : otherwise),
    show,
    async choose(next) {
      localStorage.setItem(STORED, next)
      await show(next)
    },
  }
}
