/**
 * What the server says, in the reader's language. It writes English, with codes and values: in English that is shown as it
 * is; elsewhere a sentence of ours takes its place, and what we have no sentence for (a newer server's) stays English.
 */

import { fill, type Language, type Message, type Words } from './words'

type Value = string | number | boolean | null | Said | readonly Value[]

/** A sentence, as `SaidOut` of the API has it. */
export interface Said {
  code: string
  message: string
  values: Record<string, unknown>
}

/** An error, as `Problem` of the API has it, or one of the panel's own. */
export interface Problem {
  code: string
  message: string
  hint: string
  said?: { message?: Said | null; hint?: Said | null } | null
}

export interface ServerTexts {
  /** By error code: what happened, and what to do. */
  errors: Record<string, readonly [string, string]>
  /** On photos, by code; `code.info` where it is only a note. */
  findings: Record<string, string>
  /** On captions, by code. */
  captions: Record<string, string>
  said: Record<string, Message>
  /** Names of things by ids of the server's. */
  names: Record<string, string>
}

export const NO_TEXTS: ServerTexts = { errors: {}, findings: {}, captions: {}, said: {}, names: {} }

/** What an error says to the reader. */
export interface Explained {
  what: string
  todo: string
  /** The server's own words, where they say more than ours; empty where they don't. */
  exact: string
  /** What happened and what to do, as one text. */
  both: string
}

type Reader = Pick<Words, 't' | 'named' | 'server' | 'language'>

const isSaid = (value: unknown): value is Said => typeof value === 'object' && value !== null && 'code' in value && 'message' in value

/** The sentence of an event or a record: as told, or else its message alone. */
export function saidOf(values: Record<string, unknown>): Said {
  const text = String(values.message ?? '')
  return isSaid(values.said) ? values.said : { code: '', message: text, values: {} }
}

/** The error of an event. */
export const problemOf = ({ code, message, hint, said }: Record<string, unknown>): Problem => ({
  code: String(code ?? ''), message: String(message ?? ''), hint: String(hint ?? ''), said: (said as Problem['said']) ?? null,
})

/** Whether there is a sentence of ours for it. */
export const isKnown = (said: Said | null | undefined, words: Reader): said is Said => !!said && said.code in words.server.value.said

/** A sentence in the reader's language. */
export function say(said: Said, words: Reader): string {
  const message = words.server.value.said[said.code]
  if (message === undefined) return said.message
  const values = Object.fromEntries(Object.entries(said.values).map(([name, value]) => [name, valueIn(name, value as Value, words)]))
  return fill(message, values, words.language.value).trim()
}

/** Words that the server uses as names are the panel's own, too. */
function valueIn(name: string, value: Value, words: Reader): string | number {
  if (typeof value === 'number') return value
  if (isSaid(value)) return say(value, words)
  if (Array.isArray(value)) return joined(name, value.map((one: Value) => String(valueIn(name, one, words))), words.language.value)
  const text = String(value ?? '')
  if (name === 'label') return text.split(', ').map((one) => words.named(`variety.${one}`, one)).join(', ')
  return name === 'toggle' ? words.named(`guide.${text}`, text) : text
}

/** Sentences follow each other; other things are listed. */
function joined(name: string, parts: readonly string[], language: Language): string {
  if (name === 'parts') return parts.join(language === 'zh' ? '' : ' ')
  return new Intl.ListFormat(language, { type: 'conjunction' }).format(parts)
}

/** What went wrong and what to do, in the reader's language. */
export function explain(problem: Problem, words: Reader): Explained {
  const found = explained(problem, words)
  return { ...found, both: joined('parts', [found.what, found.todo].filter(Boolean), words.language.value) }
}

function explained({ code, message, hint, said }: Problem, words: Reader): Omit<Explained, 'both'> {
  if (code === 'UNREACHABLE') return { what: words.t('failure.unreachable'), todo: words.t('failure.unreachableHint'), exact: '' }
  if (code === 'FILE_GONE') return { what: words.t('photos.gone'), todo: words.t('photos.goneHint'), exact: '' }
  if (code === 'PANEL') return { what: words.t('failure.unknown'), todo: '', exact: message }
  if (code.startsWith('HTTP_')) return { what: words.t('failure.http', { status: code.slice(5) }), todo: '', exact: '' }
  const known = words.server.value.errors[code]
  const exactly = isKnown(said?.message, words)
  const what = exactly ? say(said!.message!, words) : (known?.[0] ?? message)
  const todo = isKnown(said?.hint, words) ? say(said!.hint!, words) : (known?.[1] ?? hint)
  return { what, todo, exact: known && !exactly ? [message, hint].filter(Boolean).join(' ') : '' }
}

/** A thing's name by its id. */
export const nameOf = (id: string, otherwise: string, words: Reader): string => words.server.value.names[id] ?? otherwise
