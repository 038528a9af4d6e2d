/** Photos on their way to the server: what state each is in, and what follows from what happens. Plain functions. */

import type { Added } from '../api/types'
import type { Problem, Said } from '../i18n/server'

export type Upload = {
  id: number
  character: string
  name: string
  /** An address of the picture here, to be shown at once; empty where the browser can't show it. */
  preview: string
} & (
  | { state: 'waiting' }
  | { state: 'sending'; share: number }
  | { state: 'judging' }
  | { state: 'taken'; file: string; note: Said }
  | { state: 'known'; twin: string }
  | { state: 'refused'; problem: Problem }
)

type Base = Pick<Upload, 'id' | 'character' | 'name' | 'preview'>

const base = ({ id, character, name, preview }: Upload): Base => ({ id, character, name, preview })

/** So much of it was sent; all of it sent means that the server looks at it now. */
export function sent(upload: Upload, share: number): Upload {
  return share >= 1 ? { ...base(upload), state: 'judging' } : { ...base(upload), state: 'sending', share: Math.max(0, share) }
}

/** Back in the line: it could not be sent, or is to be tried again. */
export const waiting = (upload: Upload): Upload => ({ ...base(upload), state: 'waiting' })

/** What the server says became of it. */
export function answered(upload: Upload, added: Added | undefined): Upload {
  if (!added) return refused(upload, { code: 'UPLOAD', message: upload.name, hint: '' })
  if (added.code) return refused(upload, added)
  if (added.twin && !added.file) return { ...base(upload), state: 'known', twin: added.twin }
  return { ...base(upload), state: 'taken', file: added.file, note: added.said_note }
}

export function refused(upload: Upload, { code, message, hint, said }: Problem): Upload {
  return { ...base(upload), state: 'refused', problem: { code, message, hint, said: said ?? null } }
}

export const isOpen = ({ state }: Upload): boolean => state === 'waiting' || state === 'sending' || state === 'judging'

export interface Tally {
  open: number
  taken: number
  known: number
  refused: number
}

export function tally(uploads: readonly Upload[]): Tally {
  const count = (state: Upload['state']): number => uploads.filter((upload) => upload.state === state).length
  return { open: uploads.filter(isOpen).length, taken: count('taken'), known: count('known'), refused: count('refused') }
}

export interface Refusal {
  problem: Problem
  /** Those that it happened to. */
  uploads: Upload[]
}

/** Failures told once each: a full disk refuses two hundred photos for one reason. */
export function refusals(uploads: readonly Upload[]): Refusal[] {
  const found = new Map<string, Refusal>()
  for (const upload of uploads) {
    if (upload.state !== 'refused') continue
    const { problem } = upload
    const key = `${problem.code} ${problem.message}`
    const known = found.get(key) ?? { problem, uploads: [] }
    known.uploads.push(upload)
    found.set(key, known)
  }
  return [...found.values()]
}
