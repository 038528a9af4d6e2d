/** A rectangle drawn with the mouse over a grid, which scrolls when its edge is reached. */

import { onBeforeUnmount, ref, type Ref } from 'vue'

import type { Box } from '../shared/windowing'

/** What of the grid the rectangle needs. */
export interface Ground {
  within(event: Pick<PointerEvent, 'clientX' | 'clientY'>): { x: number; y: number }
  scrollBy(pixels: number): void
  frameBox(): Pick<Box, 'top' | 'height'>
}

export interface Rectangle {
  box: Ref<Box | null>
  begin(event: PointerEvent): void
}

const LEAST = 5
const EDGE = 40
const SPEED = 0.35

/** The rectangle between two places. */
export const between = (one: { x: number; y: number }, other: { x: number; y: number }): Box => ({
  left: Math.min(one.x, other.x),
  top: Math.min(one.y, other.y),
  width: Math.abs(one.x - other.x),
  height: Math.abs(one.y - other.y),
})

/** How far to scroll in this frame, with the pointer at `y` of a frame: faster the further it is beyond the edge. */
export function pull(y: number, { top, height }: Pick<Box, 'top' | 'height'>): number {
  if (y < top + EDGE) return (y - top - EDGE) * SPEED
  const below = y - (top + height - EDGE)
  return below > 0 ? below * SPEED : 0
}

/**
 * Begins with a press that moves some pixels, also on a tile; a press that doesn't stays a click.
 * `changed` hears each rectangle, with Ctrl held at the beginning or not.
 */
export function useRectangle(ground: Ref<Ground | null | undefined>, changed: (box: Box, add: boolean) => void): Rectangle {
  const box = ref<Box | null>(null)
  let stop: (() => void) | null = null

  function begin(event: PointerEvent): void {
    if (event.button !== 0 || event.pointerType !== 'mouse' || !ground.value) return
    const target = event.currentTarget as HTMLElement
    const add = event.ctrlKey || event.metaKey || event.shiftKey
    const start = ground.value.within(event)
    let last: PointerEvent = event
    let frame = 0

    const draw = (): void => {
      if (!ground.value) return
      box.value = between(start, ground.value.within(last))
      changed(box.value, add)
    }
    const tick = (): void => {
      const pixels = ground.value ? pull(last.clientY, ground.value.frameBox()) : 0
      if (pixels) {
        ground.value!.scrollBy(pixels)
        draw()
      }
      frame = requestAnimationFrame(tick)
    }
    const move = (now: PointerEvent): void => {
      last = now
      const here = ground.value!.within(now)
      if (!box.value && Math.hypot(here.x - start.x, here.y - start.y) < LEAST) return
      if (!box.value) {
        target.setPointerCapture(now.pointerId) // from here on no tile is clicked
        frame = requestAnimationFrame(tick)
      }
      draw()
    }
    stop = () => {
      cancelAnimationFrame(frame)
      target.removeEventListener('pointermove', move)
      box.value = null
      stop = null
    }
    const end = (): void => stop?.()
    target.addEventListener('pointermove', move)
    target.addEventListener('pointerup', end, { once: true })
    target.addEventListener('pointercancel', end, { once: true })
  }

  onBeforeUnmount(() => stop?.())
  return { box, begin }
}
