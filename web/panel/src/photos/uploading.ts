/** Sends photos, three at a time, each with its own progress; goes on while other screens are open, or none. */

import { inject, onScopeDispose, provide, ref, watch, type InjectionKey, type Ref } from 'vue'

import { asApiError, part, type ApiError } from '../api/request'
import { sendFiles } from '../api/sending'
import type { Upload as UploadAnswer } from '../api/types'
import { usePanel } from '../app/context'
import type { Arrival } from './files'
import { answered, isOpen, refused, sent, waiting, type Upload } from './uploads'

const AT_ONCE = 3
const AGAIN_MS = 3000
const SHOWABLE = /^image\/(jpeg|png|webp|gif|avif|bmp)$/

export interface Uploading {
  uploads: Ref<Upload[]>
  add(character: string, arrivals: readonly Arrival[]): void
  /** Takes those of a character away that are over. */
  clear(character: string): void
  /** Tries again what was refused. */
  again(uploads: readonly Upload[]): void
}

function formOf(arrival: Arrival): FormData {
  const form = new FormData()
  if (arrival.caption) form.append('files', arrival.caption)
  form.append('files', arrival.file)
  return form
}

/** Whether the file itself can't be read any more: moved, deleted, or a drive that is gone. */
const isGone = (file: File): Promise<boolean> => file.slice(0, 1).arrayBuffer().then(() => false, () => true)

interface Line extends Uploading {
  /** Whether the server is known to be away: then nothing is sent. */
  hold(away: boolean): void
}

/** A line of photos for the server whose API begins at `base`. */
function makeLine(base: string): Line {
  const uploads = ref<Upload[]>([]) as Ref<Upload[]>
  const files = new Map<number, Arrival>()
  const line: number[] = []
  let count = 0
  let running = 0
  let held = false
  let pausing = false
  let timer: ReturnType<typeof setTimeout> | undefined

  const change = (id: number, how: (upload: Upload) => Upload): void => {
    uploads.value = uploads.value.map((upload) => (upload.id === id ? how(upload) : upload))
  }

  function go(): void {
    while (running < AT_ONCE && line.length && !held && !pausing) void work(line.shift()!)
  }

  function goOn(): void {
    pausing = false
    go()
  }

  async function work(id: number): Promise<void> {
    const upload = uploads.value.find((one) => one.id === id)
    const arrival = files.get(id)
    if (!upload || !arrival) return
    running += 1
    try {
      const address = `${base}/characters/${part(upload.character)}/images`
      const answer = await sendFiles<UploadAnswer>(address, formOf(arrival), (share) => change(id, (now) => sent(now, share)))
      change(id, (now) => answered(now, answer.added[0]))
    } catch (problem) {
      await failed(id, arrival, asApiError(problem))
    }
    running -= 1
    const over = uploads.value.find((one) => one.id === id)
    if (over?.state === 'taken' || over?.state === 'known') files.delete(id)
    go()
  }

  /** A server that is away gets the photo once it is back; the same bytes twice are known as such. */
  async function failed(id: number, arrival: Arrival, error: ApiError): Promise<void> {
    if (error.code === 'UNREACHABLE' && (await isGone(arrival.file))) {
      change(id, (now) => refused(now, { code: 'FILE_GONE', message: '', hint: '' }))
    } else if (error.code === 'UNREACHABLE') {
      change(id, waiting)
      line.unshift(id)
      pausing = true
      clearTimeout(timer)
      timer = setTimeout(goOn, AGAIN_MS)
    } else {
      change(id, (now) => refused(now, error))
    }
  }

  function forget(gone: readonly Upload[]): void {
    for (const { id, preview } of gone) {
      files.delete(id)
      if (preview) URL.revokeObjectURL(preview)
    }
  }

  return {
    uploads,
    hold(away) {
      held = away
      goOn()
    },
    add(character, arrivals) {
      const more = arrivals.map((arrival): Upload => {
        const id = ++count
        files.set(id, arrival)
        line.push(id)
        return { id, character, name: arrival.file.name, preview: SHOWABLE.test(arrival.file.type) ? URL.createObjectURL(arrival.file) : '', state: 'waiting' }
      })
      uploads.value = [...uploads.value, ...more]
      go()
    },
    clear(character) {
      const isOver = (upload: Upload): boolean => upload.character === character && !isOpen(upload)
      forget(uploads.value.filter(isOver))
      uploads.value = uploads.value.filter((upload) => !isOver(upload))
    },
    again(refusals) {
      const ids = new Set(refusals.map(({ id }) => id).filter((id) => files.has(id)))
      uploads.value = uploads.value.map((upload) => (ids.has(upload.id) ? waiting(upload) : upload))
      line.push(...ids)
      go()
    },
  }
}

/** By server, and beyond the life of a panel: ComfyUI's sidebar is closed and opened again while photos are on their way. */
const LINES = new Map<string, Line>()
const UPLOADING: InjectionKey<Uploading> = Symbol('uploading')

export function provideUploading(): Uploading {
  const { host, events } = usePanel()
  const line = LINES.get(host.base) ?? makeLine(host.base)
  LINES.set(host.base, line)
  const warn = (event: BeforeUnloadEvent): void => {
    if (line.uploads.value.some(isOpen)) event.preventDefault()
  }
  if (host.kind === 'page') addEventListener('beforeunload', warn)
  watch(events.connection, (now) => line.hold(now === 'lost'), { immediate: true })
  onScopeDispose(() => {
    removeEventListener('beforeunload', warn)
    line.hold(false) // nobody hears any more whether the server is away: it is tried
  })
  provide(UPLOADING, line)
  return line
}

export function useUploading(): Uploading {
  const uploading = inject(UPLOADING)
  if (!uploading) throw new Error('Nothing is sent from here.')
  return uploading
}
