/** Edits of many captions as the server takes them. Plain functions. */

export const CAPTION_KINDS = ['append', 'prepend', 'replace', 'set', 'place-trigger', 'add-tag', 'remove-tag', 'tidy-up'] as const
export type CaptionKind = (typeof CAPTION_KINDS)[number]

/** The edit that was chosen. */
export function captionEdit(kind: CaptionKind, text: string, replacement: string): Record<string, string> {
  if (kind === 'replace') return { kind, find: text, replace: replacement }
  if (kind === 'add-tag' || kind === 'remove-tag') return { kind, tag: text }
  return kind === 'tidy-up' || kind === 'place-trigger' ? { kind } : { kind, text }
}

/** Whether there is all that the edit needs; writing anew may also empty captions. */
export const isComplete = (kind: CaptionKind, text: string): boolean =>
  kind === 'tidy-up' || kind === 'place-trigger' || kind === 'set' || text.trim() !== ''
