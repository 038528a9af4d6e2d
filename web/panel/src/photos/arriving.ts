/** What is dropped or pasted anywhere in the panel, and whose it is: the open character's, that of the card below the pointer, or asked for. */

import { inject, onBeforeUnmount, onMounted, provide, ref, type InjectionKey, type Ref } from 'vue'

import { usePanel } from '../app/context'
import type { Characters } from '../characters/list'
import { arrivals, filesOf, pickedFiles, type Arrival, type Arrivals, type Found } from './files'
import type { Uploading } from './uploading'

export interface Arriving {
  /** Whether files are held over the panel. */
  over: Ref<boolean>
  /** Photos that came where it is not clear whose they are. */
  unclear: Ref<Arrival[]>
  take(found: readonly Found[], character?: string): void
  give(character: string): void
  enter(event: DragEvent): void
  leave(event: DragEvent): void
  drop(event: DragEvent): Promise<void>
}

const ARRIVING: InjectionKey<Arriving> = Symbol('arriving')
const FEW = 4

/** Whether a drag brings files from outside: a picture of the page itself counts as a file, too. */
const bringsFiles = (event: DragEvent): boolean => !!event.dataTransfer && [...event.dataTransfer.types].includes('Files')

export function provideArriving(root: Ref<HTMLElement | undefined>, characters: Characters, uploading: Uploading): Arriving {
  const { host, router, toasts, words } = usePanel()
  const over = ref(false)
  const unclear = ref<Arrival[]>([]) as Ref<Arrival[]>
  let ours = false

  function told({ photos, archives, leftOut, unread }: Arrivals): void {
    const some = (names: readonly string[]): { n: number; names: string } => ({ n: names.length, names: names.slice(0, FEW).join(', ') + (names.length > FEW ? ', …' : '') })
    if (unread.length) toasts.done(words.t('photos.unread', some(unread)))
    if (!photos.length && !archives.length) {
      if (!unread.length) toasts.done(words.t('photos.noneFound'))
    } else if (leftOut.length) toasts.done(words.t('photos.leftOut', some(leftOut)))
  }

  function begin(character: string, photos: readonly Arrival[]): void {
    uploading.add(character, photos)
    router.go({ at: 'character', character, step: 'photos' })
  }

  /** Whose page is open. */
  function here(): string {
    const route = router.route.value
    return route.at === 'character' ? route.character : ''
  }

  function take(found: readonly Found[], whose = here()): void {
    const came = arrivals(found)
    told(came)
    for (const archive of came.archives) void toasts.trying(() => characters.bringIn(archive))
    if (!came.photos.length) return
    if (whose) begin(whose, came.photos)
    else unclear.value = [...unclear.value, ...came.photos]
  }

  const arriving: Arriving = {
    over,
    unclear,
    take,
    give(character) {
      const photos = unclear.value
      unclear.value = []
      begin(character, photos)
    },
    enter(event) {
      if (ours || !bringsFiles(event)) return
      event.preventDefault()
      event.stopPropagation()
      if (event.dataTransfer) event.dataTransfer.dropEffect = 'copy'
      over.value = true
    },
    leave(event) {
      if (!(event.relatedTarget instanceof Node) || !root.value?.contains(event.relatedTarget)) over.value = false
    },
    async drop(event) {
      if (ours || !event.dataTransfer || !bringsFiles(event)) return
      event.preventDefault()
      event.stopPropagation()
      const card = event.target instanceof Element ? event.target.closest<HTMLElement>('[data-character]') : null
      const whose = card?.dataset.character ?? here() // a folder takes a while, and the page may be another one then
      take(await filesOf(event.dataTransfer), whose)
    },
  }

  /** In a page of our own a paste is ours wherever the focus is; in ComfyUI only while the focus is in the panel. */
  function paste(event: ClipboardEvent): void {
    const files = [...(event.clipboardData?.files ?? [])]
    const here = event.target instanceof Node && root.value?.contains(event.target)
    const isOther = event.target instanceof Element && event.target.closest('[data-pastes]')
    const isText = event.target instanceof Element && event.target.matches('input, textarea') && !!event.clipboardData?.getData('text/plain')
    if (!files.length || isText || isOther || (host.kind === 'comfyui' && !here)) return
    event.preventDefault()
    event.stopImmediatePropagation()
    take(pickedFiles(files))
  }
  const began = (): void => void (ours = true)
  const ended = (): void => void (ours = false)
  /** Also where something in the panel takes the files itself. */
  const dropped = (): void => void (over.value = false)

  onMounted(() => {
    addEventListener('paste', paste, { capture: true })
    root.value?.addEventListener('dragstart', began)
    root.value?.addEventListener('drop', dropped, { capture: true })
    addEventListener('dragend', ended)
  })
  onBeforeUnmount(() => {
    removeEventListener('paste', paste, { capture: true })
    removeEventListener('dragend', ended)
  })
  provide(ARRIVING, arriving)
  return arriving
}

export function useArriving(): Arriving {
  const arriving = inject(ARRIVING)
  if (!arriving) throw new Error('Nothing arrives here.')
  return arriving
}
