/** What a finding says, in the reader's language: the server writes English, with the most detail; the others are ours. */

import type { CaptionFinding, Finding } from '../api/types'
import type { Words } from '../i18n/words'

const rounded = (value: number | null): number => (value === null ? 0 : value >= 10 ? Math.round(value) : Math.round(value * 100) / 100)

export function sentenceOf(finding: Pick<Finding, 'code' | 'message' | 'measured' | 'threshold'>, words: Words): string {
  if (words.language.value === 'en') return finding.message
  return words.named(`finding.${finding.code}.what`, finding.message, { measured: rounded(finding.measured), threshold: rounded(finding.threshold) })
}

export function captionSentenceOf(finding: Pick<CaptionFinding, 'code' | 'message' | 'subject'>, words: Words): string {
  if (words.language.value === 'en') return finding.message
  return words.named(`caption.${finding.code}.what`, finding.message, { subject: finding.subject })
}
