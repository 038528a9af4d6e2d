/** Which photos are selected: by click, Shift, Ctrl, drag and all. Plain functions of keys in the order that is shown. */

export interface Selection {
  readonly keys: ReadonlySet<string>
  /** Where a range with Shift begins. */
  readonly anchor: string
}

export const NOTHING: Selection = { keys: new Set(), anchor: '' }

/** A click: alone it selects one, with Ctrl it adds or takes away, with Shift it selects from the anchor to here. */
export function clicked(before: Selection, order: readonly string[], key: string, how: { shift: boolean; ctrl: boolean }): Selection {
  if (how.shift && before.anchor) {
    const range = between(order, before.anchor, key)
    return { keys: new Set(how.ctrl ? [...before.keys, ...range] : range), anchor: before.anchor }
  }
  if (how.ctrl) return toggled(before, key)
  return { keys: new Set([key]), anchor: key }
}

export function toggled(before: Selection, key: string): Selection {
  const keys = new Set(before.keys)
  if (!keys.delete(key)) keys.add(key)
  return { keys, anchor: key }
}

export const all = (order: readonly string[]): Selection => ({ keys: new Set(order), anchor: order[0] ?? '' })

/** What a rectangle covers, beside what was selected before where Ctrl is held. */
export const covered = (before: Selection, keys: readonly string[], add: boolean): Selection => ({
  keys: new Set(add ? [...before.keys, ...keys] : keys),
  anchor: keys[0] ?? before.anchor,
})

/** Without what is not shown any more. */
export function remaining(before: Selection, order: readonly string[]): Selection {
  const there = new Set(order)
  const keys = new Set([...before.keys].filter((key) => there.has(key)))
  return { keys, anchor: there.has(before.anchor) ? before.anchor : '' }
}

function between(order: readonly string[], one: string, other: string): string[] {
  const from = order.indexOf(one)
  const to = order.indexOf(other)
  if (from < 0 || to < 0) return [other]
  return order.slice(Math.min(from, to), Math.max(from, to) + 1)
}
