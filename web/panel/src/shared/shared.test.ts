import { describe, expect, it } from 'vitest'

import { ApiError } from '../api/request'
import { about, bytes, linkOf } from './format'
import { makeToasts } from './toasts'
import { inSight, layout, stepped, touched } from './windowing'

describe('a long grid', () => {
  const grid = layout(1000, 128, 6)

  it('lays out only what is in sight of ten thousand', () => {
    expect(grid.columns).toBe(7)
    const shown = inSight(10_000, grid, 50_000, 800)
    expect(shown.last - shown.first).toBeLessThan(120)
    expect(shown.first % grid.columns).toBe(0)
    expect(inSight(0, grid, 0, 800)).toMatchObject({ first: 0, last: 0, height: 0 })
    expect(layout(10, 128, 6).columns).toBe(1)
  })

  it('says what a rectangle touches, from either side', () => {
    const box = { left: grid.tile + grid.gap + 1, top: grid.row + 1, width: grid.tile, height: grid.tile }
    expect(touched(10_000, grid, box)).toEqual([8])
    expect(touched(10_000, grid, box, true)).toEqual([12])
    expect(touched(9, grid, { left: 0, top: 0, width: 2000, height: 9000 })).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
    expect(touched(10_000, grid, { left: 0, top: grid.tile + 1, width: 2000, height: 2 })).toEqual([])
  })

  it('is walked over by arrow keys without leaving it', () => {
    expect([stepped('ArrowDown', 3, 20, 7, 1), stepped('ArrowDown', 18, 20, 7, 1), stepped('ArrowUp', 3, 20, 7, 1)]).toEqual([10, 19, 0])
    expect([stepped('ArrowLeft', 3, 20, 7, 1), stepped('ArrowLeft', 3, 20, 7, -1), stepped('End', 3, 20, 7, 1), stepped('a', 3, 20, 7, 1)]).toEqual([2, 4, 19, null])
  })
})

it('a message of a failure is not pushed out by those of successes', () => {
  const toasts = makeToasts()
  toasts.fail(new ApiError('DISK_FULL', 'full'))
  for (let count = 0; count < 6; count++) toasts.done(`done ${count}`)
  expect(toasts.shown.value.map(({ problem, text }) => problem?.code ?? text)).toEqual(['DISK_FULL', 'done 3', 'done 4', 'done 5'])
})

it('an address without a scheme becomes a link', () => {
  expect([linkOf('x.org/y'), linkOf('http://x.org')]).toEqual(['https://x.org/y', 'http://x.org'])
})

describe('numbers for people', () => {
  const t = ((key: string, values: Record<string, unknown> = {}) => `${key} ${values.n ?? values.span ?? ''}`) as never

  it('are rounded to what matters', () => {
    expect(about(358.3, t)).toBe('time.about time.minutes 6')
    expect(about(5400, t)).toBe('time.about time.hours 1.5')
    expect(about(0, t)).toBe('time.about time.seconds 1')
    expect(bytes(729_000_000, 'en')).toBe('729\u00a0MB')
    expect(bytes(4_200_000_000, 'en')).toBe('4.2\u00a0GB')
  })
})
