/** What a finding says, in the reader's language: the server writes English, with the most detail; the others are ours. */

import type { CaptionFinding, Finding } from '../api/types'
import { fill, type Words } from '../i18n/words'

type Reader = Pick<Words, 'language' | 'server'>

const rounded = (value: number | null): number => (value === null ? 0 : value >= 10 ? Math.round(value) : Math.round(value * 100) / 100)

/** A finding that is only a note may have a sentence of its own; a group of findings calls that level `note`. */
export function sentenceOf(finding: Pick<Finding, 'code' | 'message' | 'measured' | 'threshold'> & { level: string }, words: Reader): string {
  const { findings } = words.server.value
  const mild = finding.level === 'info' || finding.level === 'note' ? findings[`${finding.code}.info`] : undefined
  const message = mild ?? findings[finding.code]
  return message === undefined ? finding.message : fill(message, { measured: rounded(finding.measured), threshold: rounded(finding.threshold) }, words.language.value)
}

export function captionSentenceOf(finding: Pick<CaptionFinding, 'code' | 'message' | 'subject'>, words: Reader): string {
  const message = words.server.value.captions[finding.code]
  return message === undefined ? finding.message : fill(message, { subject: finding.subject }, words.language.value)
}
