/** What can be asked of a training: pause, stop, go on, a sample or a save now, and the way out of a failure. */

import { ref, type Ref } from 'vue'

import { part } from '../api/request'
import type { Job } from '../api/types'
import { usePanel } from '../app/context'

export interface Asking {
  /** What is being asked; empty for nothing. */
  busy: Ref<string>
  pause(): Promise<boolean>
  cancel(): Promise<boolean>
  resume(): Promise<boolean>
  /** Puts other settings in and goes on with them. */
  resumeWith(settings: Record<string, unknown>): Promise<boolean>
  sampleNow(): Promise<boolean>
  saveNow(): Promise<boolean>
}

/** `after` runs when something was changed. */
export function useAsking(id: () => string, after: () => Promise<unknown>): Asking {
  const { request, toasts } = usePanel()
  const busy = ref('')

  async function ask(name: string, method: string, path: string, body?: unknown): Promise<boolean> {
    busy.value = name
    const options = body === undefined ? {} : { body }
    const done = await toasts.trying(() => request<Job>(method, `/training/${part(id())}${path}`, options).then(() => true))
    busy.value = ''
    if (done) await after()
    return done ?? false
  }

  const resume = (): Promise<boolean> => ask('resume', 'POST', '/resume')
  return {
    busy,
    pause: () => ask('pause', 'POST', '/pause'),
    cancel: () => ask('cancel', 'POST', '/cancel'),
    resume,
    resumeWith: async (settings) => (await ask('change', 'PATCH', '', { settings })) && (await resume()),
    sampleNow: () => ask('sample', 'POST', '/sample'),
    saveNow: () => ask('save', 'POST', '/save'),
  }
}
