/** Numbers that a person can use: "about 6 minutes", "4.2 GB", "12 March". */

import type { Language, Words } from '../i18n/words'

export type T = Words['t']

/** A time span in words, rounded to what matters. */
export function duration(seconds: number, t: T): string {
  if (seconds < 45) return t('time.seconds', { n: Math.max(1, Math.round(seconds)) })
  if (seconds < 90) return t('time.minutes', { n: 1 })
  if (seconds < 90 * 60) return t('time.minutes', { n: Math.round(seconds / 60) })
  if (seconds < 48 * 3600) {
    const half = Math.round((seconds / 3600) * 2) / 2
    return t('time.hours', { n: half })
  }
  return t('time.days', { n: Math.round(seconds / 86400) })
}

/** "about 6 minutes". */
export const about = (seconds: number, t: T): string => t('time.about', { span: duration(seconds, t) })

/** Bytes in the unit that leaves one to three digits. */
export function bytes(count: number, language: Language): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let value = count
  let unit = 0
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000
    unit += 1
  }
  const digits = value >= 10 || unit === 0 ? 0 : 1
  return `${new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(value)}\u00a0${units[unit]}`
}

/** A share as percent. */
export const percent = (share: number, language: Language): string =>
  new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 0 }).format(share)

/** A moment as a day, or as a time if it is today. */
export function moment(iso: string, language: Language, now = new Date()): string {
  const when = new Date(iso)
  if (Number.isNaN(when.getTime())) return ''
  const today = when.toDateString() === now.toDateString()
  const form: Intl.DateTimeFormatOptions = today ? { hour: '2-digit', minute: '2-digit' } : { day: 'numeric', month: 'short' }
  return new Intl.DateTimeFormat(language, form).format(when)
}

/** A plain number in the reader's digits. */
export const number = (value: number, language: Language, digits = 0): string =>
  new Intl.NumberFormat(language, { maximumFractionDigits: digits, minimumFractionDigits: digits }).format(value)

/** An address that a link can have. */
export const linkOf = (source: string): string => (/^https?:/.test(source) ? source : `https://${source}`)
