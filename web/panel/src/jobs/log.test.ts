import { afterEach, expect, it, vi } from 'vitest'

import { held, surroundings } from '../testing'
import LogView from './LogView.vue'

afterEach(() => void vi.useRealTimers())

it('a log whose answers take long has each line once', async () => {
  vi.useFakeTimers()
  const line = (message: string) => ({ time: '2026-01-01T10:00:00Z', level: 'info', message, fields: {} })
  const slow = held<unknown>()
  let asked = 0
  const { mount } = surroundings(() => {
    asked += 1
    return asked === 1 ? { lines: [line('first')], next: '1', more: false } : slow.promise
  })
  const element = mount(LogView, { id: 'j' })
  await vi.advanceTimersByTimeAsync(10_000)
  slow.give({ lines: [line('second')], next: '2', more: false })
  await vi.advanceTimersByTimeAsync(100)
  expect([...element.querySelectorAll('li')].filter(({ textContent }) => textContent?.includes('second'))).toHaveLength(1)
})
