import { describe, expect, it } from 'vitest'

import { countOf, NO_FILTERS, queryOf } from './dataset'
import { between, pull } from './rectangle'
import { all, clicked, covered, NOTHING, remaining, toggled } from './selection'

describe('the dataset', () => {
  const order = ['a', 'b', 'c', 'd', 'e']

  it('selects by click, Ctrl, Shift, drag and all', () => {
    const one = clicked(NOTHING, order, 'b', { shift: false, ctrl: false })
    expect([...clicked(one, order, 'd', { shift: true, ctrl: false }).keys]).toEqual(['b', 'c', 'd'])
    expect([...clicked(one, order, 'a', { shift: true, ctrl: true }).keys].sort()).toEqual(['a', 'b'])
    expect([...clicked(one, order, 'd', { shift: false, ctrl: true }).keys]).toEqual(['b', 'd'])
    expect([...toggled(one, 'b').keys]).toEqual([])
    expect([...covered(one, ['c', 'd'], true).keys]).toEqual(['b', 'c', 'd'])
    expect(all(order).keys.size).toBe(5)
    expect([...remaining(all(order), ['a', 'e']).keys]).toEqual(['a', 'e'])
  })

  it('asks only for what was chosen', () => {
    const filters = { ...NO_FILTERS, q: ' red ', small: true, days: 1 }
    expect(queryOf(filters, Date.UTC(2026, 0, 2))).toMatchObject({ q: 'red', most_side: 767, added_from: '2026-01-01T00:00:00.000Z', rejected: null })
    expect([countOf(NO_FILTERS), countOf(filters), countOf({ ...filters, character: ['a', 'b'] })]).toEqual([0, 3, 5])
  })

  it('draws a rectangle in any direction, and scrolls only at the edges', () => {
    expect(between({ x: 50, y: 80 }, { x: 20, y: 100 })).toEqual({ left: 20, top: 80, width: 30, height: 20 })
    const frame = { top: 100, height: 500 }
    expect(pull(350, frame)).toBe(0)
    expect(pull(110, frame)).toBeLessThan(0)
    expect(pull(700, frame)).toBeGreaterThan(pull(590, frame))
  })
})
