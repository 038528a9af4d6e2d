import { effectScope } from 'vue'
import { describe, expect, it, vi } from 'vitest'

import { connectionAfter, openEvents } from './events'
import { arrived, begun, broke, useLoading, type Loadable } from './loadable'
import { ApiError, asApiError, errorFrom, makeRequest, queryString } from './request'

const empty = (list: number[]): boolean => list.length === 0

describe('what is loaded', () => {
  it('shows a skeleton first and keeps what is there when it is loaded again', () => {
    const full: Loadable<number[]> = arrived([1], empty)
    expect(begun(full)).toBe(full)
    expect(begun(broke({ state: 'loading' } as Loadable<number[]>, new ApiError('X', 'x'))).state).toBe('loading')
  })

  it('tells empty from full', () => {
    expect(arrived([], empty).state).toBe('empty')
    expect(arrived([1], empty).state).toBe('full')
  })

  it('lets no failure replace what is shown', () => {
    const failed = broke(arrived([1], empty), new ApiError('X', 'x'))
    expect(failed).toMatchObject({ state: 'full', data: [1], problem: { code: 'X' } })
    expect(broke({ state: 'loading' } as Loadable<number[]>, new ApiError('X', 'x')).state).toBe('failed')
  })

  it('asks once more, not many times, when it is asked while it loads', async () => {
    const load = vi.fn(async () => [load.mock.calls.length])
    const scope = effectScope()
    const loading = scope.run(() => useLoading(load, empty))!
    await Promise.all([loading.reload(), loading.reload(), loading.reload()])
    await vi.waitFor(() => expect(loading.value.value).toMatchObject({ state: 'full', data: [2] }))
    expect(load).toHaveBeenCalledTimes(2)
    scope.stop()
  })

  it('drops what arrives after its screen is gone', async () => {
    let answer: (list: number[]) => void = () => {}
    const scope = effectScope()
    const loading = scope.run(() => useLoading(() => new Promise<number[]>((resolve) => (answer = resolve)), empty))!
    scope.stop()
    answer([1])
    await Promise.resolve()
    expect(loading.value.value.state).toBe('loading')
  })
})

describe('asking the server', () => {
  it('writes lists as repeated names and leaves out what is empty', () => {
    expect(queryString({ a: ['x', 'y'], b: '', c: undefined, d: false, e: 0 })).toBe('?a=x&a=y&d=false&e=0')
    expect(queryString({})).toBe('')
  })

  it('takes the error body of the server, and makes one where there is none', () => {
    const body = JSON.stringify({ error: { code: 'PHOTO_MISSING', message: 'm', hint: 'h', correlation_id: 'c' } })
    expect(errorFrom(404, body)).toMatchObject({ code: 'PHOTO_MISSING', hint: 'h', correlationId: 'c', status: 404 })
    expect(errorFrom(502, '<html>Bad gateway').code).toBe('HTTP_502')
    expect(errorFrom(500, '').code).toBe('HTTP_500')
    expect(asApiError(new Error('x')).code).toBe('PANEL')
  })

  it('says that nobody answers instead of throwing a TypeError', async () => {
    vi.stubGlobal('fetch', () => Promise.reject(new TypeError('Failed to fetch')))
    await expect(makeRequest('/isengard')('GET', '/characters')).rejects.toMatchObject({ code: 'UNREACHABLE' })
    vi.unstubAllGlobals()
  })

  it('answers undefined for 204', async () => {
    vi.stubGlobal('fetch', () => Promise.resolve(new Response(null, { status: 204 })))
    await expect(makeRequest('/isengard')('DELETE', '/gallery/x')).resolves.toBeUndefined()
    vi.unstubAllGlobals()
  })
})

class Source extends EventTarget {
  static all: Source[] = []
  readyState = 0
  onopen: (() => void) | null = null
  onerror: (() => void) | null = null
  constructor(readonly url: string) {
    super()
    Source.all.push(this)
  }
  close(): void {
    this.readyState = 2
  }
  send(kind: string, data: unknown, id: string): void {
    this.dispatchEvent(new MessageEvent(kind, { data: JSON.stringify(data), lastEventId: id }))
  }
}

describe('the live stream', () => {
  it('goes on behind the last event when the browser has given up', () => {
    vi.useFakeTimers()
    Source.all = []
    const events = openEvents('/events', Source as unknown as typeof EventSource)
    const heard: unknown[] = []
    events.on('jobs', (data) => heard.push(data))
    const first = Source.all[0]!
    first.onopen?.()
    first.send('jobs', { changed: ['a'] }, 'x-7')
    expect(events.connection.value).toBe('live')
    first.readyState = 2
    first.onerror?.()
    expect(events.connection.value).toBe('lost')
    vi.advanceTimersByTime(3000)
    expect(Source.all[1]?.url).toBe('/events?after=x-7')
    expect(heard).toEqual([{ changed: ['a'] }])
    events.close()
    vi.useRealTimers()
  })

  it('is told as lost only once it was there', () => {
    expect(connectionAfter('connecting', 'end')).toBe('connecting')
    expect(connectionAfter('live', 'end')).toBe('lost')
    expect(connectionAfter('lost', 'open')).toBe('live')
  })
})
