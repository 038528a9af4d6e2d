/** The time of day of a moment, with its day if that is not today. */

import type { Language } from '../i18n/words'

export function clock(iso: string, language: Language, now = new Date()): string {
  const when = new Date(iso)
  if (Number.isNaN(when.getTime())) return ''
  const day = when.toDateString() === now.toDateString() ? {} : ({ day: 'numeric', month: 'short' } as const)
  return new Intl.DateTimeFormat(language, { hour: '2-digit', minute: '2-digit', ...day }).format(when)
}
