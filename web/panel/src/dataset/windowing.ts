/** Which rows of a long grid have to be there for what can be seen. Plain functions. */

export interface Layout {
  columns: number
  /** Height of a row with its gap, in pixels. */
  row: number
  /** Side of a tile, in pixels. */
  tile: number
}

/** As many columns as fit, each at least as wide as wanted. */
export function layout(width: number, wanted: number, gap: number): Layout {
  const columns = Math.max(1, Math.floor((width + gap) / (wanted + gap)))
  const tile = Math.max(1, (width - gap * (columns - 1)) / columns)
  return { columns, tile, row: tile + gap }
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
export function inSight(count: number, { columns, row }: Layout, scrolled: number, height: number, around = 3): Shown {
  const rows = Math.ceil(count / columns)
  const top = Math.min(Math.max(0, Math.floor(scrolled / row) - around), Math.max(0, rows - 1))
  const bottom = Math.min(rows, Math.ceil((scrolled + height) / row) + around)
  return { first: top * columns, last: Math.min(count, bottom * columns), above: top * row, height: rows * row }
}
