/** Which rows of a long grid have to be there for what can be seen. Plain functions; pixels throughout. */

export interface Layout {
  columns: number
  /** Height of a row with its gap. */
  row: number
  /** Side of a tile. */
  tile: number
  gap: number
}

/** As many columns as fit, each at least as wide as wanted. */
export function layout(width: number, wanted: number, gap: number): Layout {
  const columns = Math.max(1, Math.floor((width + gap) / (wanted + gap)))
  const tile = Math.max(1, (width - gap * (columns - 1)) / columns)
  return { columns, tile, row: tile + gap, gap }
}

export interface Shown {
  first: number
  last: number
  /** Pixels above the first row that is there. */
  above: number
  /** Pixels of the whole grid. */
  height: number
}

/** The places to be there: those in sight and some rows around. */
export function inSight(count: number, { columns, row, gap }: Layout, scrolled: number, height: number, around = 3): Shown {
  const rows = Math.ceil(count / columns)
  const top = Math.min(Math.max(0, Math.floor(scrolled / row) - around), Math.max(0, rows - 1))
  const bottom = Math.min(rows, Math.max(top, Math.ceil((scrolled + height) / row) + around))
  return { first: top * columns, last: Math.min(count, bottom * columns), above: top * row, height: Math.max(0, rows * row - gap) }
}

export interface Box {
  left: number
  top: number
  width: number
  height: number
}

/** The places whose tiles a rectangle touches. In writing from right to left the first column is on the right. */
export function touched(count: number, { columns, row, tile, gap }: Layout, box: Box, rtl = false): number[] {
  const column = tile + gap
  const found: number[] = []
  const firstRow = Math.max(0, Math.floor((box.top + gap) / row))
  const lastRow = Math.min(Math.ceil(count / columns) - 1, Math.floor((box.top + box.height) / row))
  for (let line = firstRow; line <= lastRow; line++) {
    for (let place = 0; place < columns; place++) {
      const left = (rtl ? columns - 1 - place : place) * column
      if (left < box.left + box.width && left + tile > box.left && line * columns + place < count) found.push(line * columns + place)
    }
  }
  return found
}

/** Where an arrow key leads, or null for any other key; `forward` is -1 where writing goes from right to left. */
export function stepped(key: string, place: number, count: number, columns: number, forward: 1 | -1): number | null {
  const step = { ArrowRight: forward, ArrowLeft: -forward, ArrowDown: columns, ArrowUp: -columns }[key]
  if (key === 'Home') return 0
  if (key === 'End') return count - 1
  return step === undefined ? null : Math.min(count - 1, Math.max(0, place + step))
}
