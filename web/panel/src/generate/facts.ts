/** What a picture was made with, as lines for people. Plain functions of its settings. */

import type { Words } from '../i18n/words'
import { TOGGLES } from './guides'

export interface Fact {
  label: string
  value: string
}

const PLAIN = ['seed', 'aspect', 'steps', 'guidance', 'family', 'generator'] as const

/** A guide's numbers and choices; files stay unnamed. */
function shown(guide: unknown): string {
  const values = Object.entries(guide as Record<string, unknown>).filter(([name]) => name !== 'image')
  return values.map(([name, value]) => (typeof value === 'string' ? value : `${name} ${String(value)}`)).join(', ')
}

export function factsOf(settings: Record<string, unknown>, { t }: Pick<Words, 't'>): Fact[] {
  const facts: Fact[] = PLAIN.filter((name) => settings[name] != null && settings[name] !== '').map((name) => ({ label: t(`picture.${name}`), value: String(settings[name]) }))
  const [use] = (settings.loras as { lora?: string; strength?: number }[] | undefined) ?? []
  if (use?.strength !== undefined) facts.push({ label: t('strength'), value: String(use.strength) })
  if (use?.lora) facts.push({ label: 'LoRA', value: use.lora })
  for (const name of TOGGLES) if (settings[name]) facts.push({ label: t(`guide.${name}`), value: shown(settings[name]) })
  return facts
}
