/** Short messages at the bottom, with Undo where something was done that can be taken back. */

import { ref, type Ref } from 'vue'

import { asApiError } from '../api/request'
import type { Problem } from '../i18n/server'

export interface Toast {
  id: number
  kind: 'done' | 'problem'
  text: string
  /** What failed; `text` then says what it was about, or nothing. */
  problem?: Problem
  undo?: () => Promise<unknown> | void
}

export interface Toasts {
  readonly shown: Ref<Toast[]>
  /** Something was done; with a way back it stays for ten seconds. */
  done(text: string, undo?: () => Promise<unknown> | void): void
  /** Something failed; it stays until it is closed. `about` stands before what happened. */
  fail(problem: unknown, about?: string): void
  close(id: number): void
  undo(toast: Toast): Promise<void>
  /** Takes back what was done last, if that can still be done. */
  undoLast(): Promise<void>
  /** Does something and tells of its failure; undefined then. */
  trying<T>(action: () => Promise<T>): Promise<T | undefined>
}

export const UNDO_MS = 10_000
const PLAIN_MS = 5_000
const MOST = 4

export function makeToasts(): Toasts {
  const shown = ref<Toast[]>([]) as Ref<Toast[]>
  let count = 0

  function add(toast: Omit<Toast, 'id'>, ms: number): void {
    const id = ++count
    const all = [...shown.value, { ...toast, id }]
    const spare = all.length > MOST ? (all.find(({ problem }) => !problem) ?? all[0]) : null // what failed stays longest
    shown.value = all.filter((one) => one !== spare)
    if (ms) setTimeout(() => close(id), ms)
  }

  function close(id: number): void {
    shown.value = shown.value.filter((toast) => toast.id !== id)
  }

  function fail(thrown: unknown, about = ''): void {
    const { code, message, hint, said } = asApiError(thrown)
    if (shown.value.some(({ problem, text }) => problem?.code === code && problem.message === message && text === about)) return
    add({ kind: 'problem', text: about, problem: { code, message, hint, said } }, 0)
  }

  async function undo(toast: Toast): Promise<void> {
    close(toast.id)
    try {
      await toast.undo?.()
    } catch (problem) {
      fail(problem)
    }
  }

  return {
    shown,
    done: (text, way) => add({ kind: 'done', text, undo: way }, way ? UNDO_MS : PLAIN_MS),
    fail,
    close,
    undo,
    async undoLast() {
      const last = shown.value.findLast((toast) => toast.undo)
      if (last) await undo(last)
    },
    async trying(action) {
      try {
        return await action()
      } catch (problem) {
        fail(problem)
        return undefined
      }
    },
  }
}
