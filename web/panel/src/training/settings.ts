/** Advanced settings: as they are, as somebody typed them, and what of it is sent. Plain functions. */

import type { Setting } from '../api/types'

/** What the character, the family and the preset decide, and is not set one by one. */
const DECIDED = new Set(['name', 'trigger_word', 'class_word', 'family', 'preset', 'base'])

export type Values = Record<string, unknown>

/** What people change most comes first. */
const FIRST = ['steps', 'rank', 'learning_rate', 'resolutions', 'batch_size', 'save_every', 'sample_every', 'sample_prompts']

export function shownSettings(settings: readonly Setting[]): Setting[] {
  const place = (name: string): number => (FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length)
  return settings.filter(({ name }) => !DECIDED.has(name)).sort((one, other) => place(one.name) - place(other.name))
}

/** A setting's value as text in a field; a list has an entry a line. */
export function asText(setting: Setting, value: unknown): string {
  if (Array.isArray(value)) return value.join(setting.type === 'list of texts' ? '\n' : ', ')
  return value === null || value === undefined ? '' : String(value)
}

/** What was typed, as the server takes it; null if it is no such thing. */
export function fromText(setting: Setting, text: string): unknown {
  const clean = text.trim()
  switch (setting.type) {
    case 'whole number':
      return /^-?\d+$/.test(clean) ? Number(clean) : null
    case 'number':
      return clean !== '' && Number.isFinite(Number(clean)) ? Number(clean) : null
    case 'list of whole numbers': {
      const parts = clean.split(/[\s,;]+/).filter(Boolean)
      return parts.length && parts.every((one) => /^\d+$/.test(one)) ? parts.map(Number) : null
    }
    case 'list of texts':
      return text.split('\n').map((line) => line.trim()).filter(Boolean)
    default:
      return clean
  }
}

/** Whether a value lies in the setting's range; what has no range is left to the server. */
export function inRange(setting: Setting, value: unknown): boolean {
  if (typeof value !== 'number') return value !== null
  return (setting.least === null || value >= setting.least) && (setting.most === null || value <= setting.most)
}

/** The changes with one more; a value that is the plan's own is no change. */
export function withChange(changes: Values, name: string, value: unknown, planned: unknown): Values {
  const { [name]: _, ...rest } = changes
  return JSON.stringify(value) === JSON.stringify(planned) ? rest : { ...rest, [name]: value }
}
