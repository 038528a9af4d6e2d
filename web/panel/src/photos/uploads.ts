/** Photos on their way to the server: what state each is in, and what follows from what happens. Plain functions. */

import type { Added } from '../api/types'

export type Upload = {
  id: number
  name: string
  /** An address of the picture here, to be shown at once; empty where the browser can't show it. */
  preview: string
} & (
  | { state: 'waiting' }
  | { state: 'sending'; share: number }
  | { state: 'judging' }
  | { state: 'taken'; file: string; note: string }
  | { state: 'known'; twin: string }
  | { state: 'refused'; code: string; message: string; hint: string }
)

type Base = Pick<Upload, 'id' | 'name' | 'preview'>

const base = ({ id, name, preview }: Upload): Base => ({ id, name, preview })

/** So much of it was sent; all of it sent means that the server looks at it now. */
export function sent(upload: Upload, share: number): Upload {
  return share >= 1 ? { ...base(upload), state: 'judging' } : { ...base(upload), state: 'sending', share: Math.max(0, share) }
}

/** What the server says became of it. */
export function answered(upload: Upload, added: Added | undefined): Upload {
  if (!added) return refused(upload, { code: 'UPLOAD', message: upload.name, hint: '' })
  if (added.code) return refused(upload, added)
  if (added.twin && !added.file) return { ...base(upload), state: 'known', twin: added.twin }
  return { ...base(upload), state: 'taken', file: added.file, note: added.note }
}

export function refused(upload: Upload, problem: { code: string; message: string; hint: string }): Upload {
  return { ...base(upload), state: 'refused', code: problem.code, message: problem.message, hint: problem.hint }
}

export interface Tally {
  open: number
  taken: number
  known: number
  refused: number
}

export function tally(uploads: readonly Upload[]): Tally {
  const count = (...states: Upload['state'][]): number => uploads.filter(({ state }) => states.includes(state)).length
  return { open: count('waiting', 'sending', 'judging'), taken: count('taken'), known: count('known'), refused: count('refused') }
}
