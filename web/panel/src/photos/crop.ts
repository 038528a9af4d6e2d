/** A crop as shares of the picture, dragged by its edges or moved with the keyboard; plain functions. */

export interface Crop {
  left: number
  top: number
  width: number
  height: number
}

export const WHOLE: Crop = { left: 0, top: 0, width: 1, height: 1 }
const LEAST = 0.1

const within = (value: number, least: number, most: number): number => Math.min(most, Math.max(least, value))

/** Moves a crop without leaving the picture. */
export function moved(crop: Crop, right: number, down: number): Crop {
  return { ...crop, left: within(crop.left + right, 0, 1 - crop.width), top: within(crop.top + down, 0, 1 - crop.height) }
}

/** Drags a corner to a place; the corner across stays. */
export function dragged(crop: Crop, corner: 'nw' | 'ne' | 'sw' | 'se', x: number, y: number): Crop {
  const right = crop.left + crop.width
  const bottom = crop.top + crop.height
  const left = corner.endsWith('w') ? within(x, 0, right - LEAST) : crop.left
  const top = corner.startsWith('n') ? within(y, 0, bottom - LEAST) : crop.top
  return {
    left,
    top,
    width: (corner.endsWith('e') ? within(x, left + LEAST, 1) : right) - left,
    height: (corner.startsWith('s') ? within(y, top + LEAST, 1) : bottom) - top,
  }
}

/** As the server takes it; the whole picture is no crop. */
export function asBody(crop: Crop): [number, number, number, number] | null {
  const isWhole = crop.left < 0.002 && crop.top < 0.002 && crop.width > 0.996 && crop.height > 0.996
  return isWhole ? null : [crop.left, crop.top, crop.width, crop.height]
}

/** A crop of a picture that is itself a crop, as a crop of the whole. */
export function inside(outer: Crop, inner: Crop): Crop {
  return {
    left: outer.left + inner.left * outer.width,
    top: outer.top + inner.top * outer.height,
    width: inner.width * outer.width,
    height: inner.height * outer.height,
  }
}
