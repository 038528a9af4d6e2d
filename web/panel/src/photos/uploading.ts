/** Sends photos, three at a time, each with its own progress. */

import { computed, onScopeDispose, ref, type ComputedRef, type Ref } from 'vue'

import { asApiError, errorFrom, part, type ApiError } from '../api/request'
import type { Upload as UploadAnswer } from '../api/types'
import { usePanel } from '../app/context'
import type { Arrival } from './files'
import { answered, refused, sent, tally, type Tally, type Upload } from './uploads'

const AT_ONCE = 3

export interface Uploading {
  uploads: Ref<Upload[]>
  tally: ComputedRef<Tally>
  add(arrivals: readonly Arrival[]): void
  /** Takes those away that are over. */
  clear(): void
}

export function useUploading(character: string, taken: () => void): Uploading {
  const { host } = usePanel()
  const uploads = ref<Upload[]>([])
  const waiting: { id: number; arrival: Arrival }[] = []
  let count = 0
  let running = 0
  let closed = false

  const change = (id: number, how: (upload: Upload) => Upload): void => {
    uploads.value = uploads.value.map((upload) => (upload.id === id ? how(upload) : upload))
  }

  function send(arrival: Arrival, progress: (share: number) => void): Promise<UploadAnswer> {
    return new Promise((resolve, reject) => {
      const form = new FormData()
      if (arrival.caption) form.append('files', arrival.caption)
      form.append('files', arrival.file)
      const asking = new XMLHttpRequest()
      asking.open('POST', `${host.base}/characters/${part(character)}/images`)
      asking.upload.onprogress = (event) => progress(event.lengthComputable ? event.loaded / event.total : 0)
      asking.upload.onload = () => progress(1)
      asking.onerror = () => reject(errorFrom(0, '{"error":{"code":"UNREACHABLE","message":"The server does not answer."}}'))
      asking.onload = () => {
        if (asking.status < 300) resolve(JSON.parse(asking.responseText) as UploadAnswer)
        else reject(errorFrom(asking.status, asking.responseText))
      }
      asking.send(form)
    })
  }

  async function work(): Promise<void> {
    if (running >= AT_ONCE || closed) return
    const next = waiting.shift()
    if (!next) return
    running += 1
    const { id, arrival } = next
    try {
      const answer = await send(arrival, (share) => change(id, (upload) => sent(upload, share)))
      change(id, (upload) => answered(upload, answer.added[0]))
    } catch (problem) {
      const error: ApiError = asApiError(problem)
      change(id, (upload) => refused(upload, error))
    }
    running -= 1
    if (!closed) taken()
    void work()
  }

  onScopeDispose(() => {
    closed = true
    for (const { preview } of uploads.value) if (preview) URL.revokeObjectURL(preview)
  })

  return {
    uploads,
    tally: computed(() => tally(uploads.value)),
    add(arrivals) {
      for (const arrival of arrivals) {
        const id = ++count
        const preview = /^image\/(jpeg|png|webp|gif|avif|bmp)$/.test(arrival.file.type) ? URL.createObjectURL(arrival.file) : ''
        uploads.value = [...uploads.value, { id, name: arrival.file.name, preview, state: 'waiting' }]
        waiting.push({ id, arrival })
      }
      for (let place = 0; place < AT_ONCE; place++) void work()
    },
    clear() {
      uploads.value = uploads.value.filter(({ state }) => ['waiting', 'sending', 'judging'].includes(state))
    },
  }
}
