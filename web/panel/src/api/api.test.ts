import { effectScope } from 'vue'
import { afterEach, describe, expect, it, vi } from 'vitest'

import { held, Source } from '../testing'
import { connectionAfter, openEvents } from './events'
import { arrived, begun, broke, useLoading, useSoon, type Loadable } from './loadable'
import { usePages } from './pages'
import { ApiError, asApiError, errorFrom, makeRequest, queryString } from './request'
import { sendFiles } from './sending'

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

  it('is there when asking again is over, also where that was asked while it loaded', async () => {
    let asked = 0
    const scope = effectScope()
    const loading = scope.run(() => useLoading(async () => ++asked))!
    await loading.reload()
    expect(loading.value.value).toMatchObject({ data: 2 })
    scope.stop()
  })

  /** Loads what the test gives, one answer after the other. */
  function answering(count: number) {
    const answers = Array.from({ length: count }, () => held<string>())
    const asked = { count: 0 }
    const scope = effectScope()
    return { answers, asked, scope, loading: scope.run(() => useLoading(() => answers[asked.count++]!.promise))! }
  }

  it('is not overwritten by an answer that is older than a change', async () => {
    const { answers, asked, scope, loading } = answering(2)
    loading.set('changed')
    answers[0]!.give('old')
    await vi.waitFor(() => expect(asked.count).toBe(2))
    expect(loading.value.value).toMatchObject({ data: 'changed' })
    answers[1]!.give('changed, and known to the server')
    await vi.waitFor(() => expect(loading.value.value).toMatchObject({ data: 'changed, and known to the server' }))
    scope.stop()
  })

  it('shows nothing of another question', async () => {
    const { answers, asked, scope, loading } = answering(3)
    void loading.restart()
    answers[0]!.give('of the first')
    await vi.waitFor(() => expect(asked.count).toBe(2))
    expect(loading.value.value.state).toBe('loading')
    answers[1]!.give('of the second')
    await vi.waitFor(() => expect(loading.value.value).toMatchObject({ data: 'of the second' }))
    void loading.restart()
    expect(loading.value.value.state).toBe('loading')
    scope.stop()
  })

  it('may show its beginning while the rest comes', async () => {
    const rest = held<void>()
    const scope = effectScope()
    const loading = scope.run(() => useLoading<number[]>(async (some) => {
      some([1])
      await rest.promise
      return [1, 2]
    }, empty))!
    expect(loading.value.value).toMatchObject({ state: 'full', data: [1] })
    rest.give()
    await vi.waitFor(() => expect(loading.value.value).toMatchObject({ data: [1, 2] }))
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

describe('news in swarms', () => {
  afterEach(() => void vi.useRealTimers())

  it('are heeded now and then, however long they go on, and not by a screen that is gone', () => {
    vi.useFakeTimers()
    const act = vi.fn()
    const scope = effectScope()
    const soon = scope.run(() => useSoon(act, 100))!
    for (let news = 0; news < 20; news++) {
      soon()
      vi.advanceTimersByTime(50)
    }
    expect(act.mock.calls.length).toBeGreaterThan(5)
    expect(act.mock.calls.length).toBeLessThan(12)
    soon()
    const before = act.mock.calls.length
    scope.stop()
    vi.advanceTimersByTime(500)
    expect(act).toHaveBeenCalledTimes(before)
  })
})

describe('a list of pages', () => {
  /** Pages of two; the newest stands first. */
  function listing(entries: number[]) {
    const asked: string[] = []
    const ask = async (cursor: string): Promise<{ things: number[]; next: string }> => {
      asked.push(cursor)
      const from = cursor ? entries.indexOf(Number(cursor)) + 1 : 0
      const things = entries.slice(from, from + 2)
      return { things, next: from + 2 < entries.length ? String(things.at(-1)) : '' }
    }
    const scope = effectScope()
    return { pages: scope.run(() => usePages('things', ask))!, asked, scope }
  }

  it('loses nothing between two pages when something new comes in front', async () => {
    const entries = [5, 4, 3, 2, 1]
    const { pages, scope } = listing(entries)
    await pages.list.reload()
    await pages.loadMore()
    expect(pages.items.value).toEqual([5, 4, 3, 2])
    entries.unshift(7, 6)
    await pages.list.reload()
    expect(pages.items.value).toEqual([7, 6, 5, 4])
    await pages.loadMore()
    expect(pages.items.value).toEqual([7, 6, 5, 4, 3, 2])
    expect(pages.isMore.value).toBe(true)
    scope.stop()
  })

  it('goes on by one page for two presses in a row, and begins anew for another question', async () => {
    const { pages, scope } = listing([9, 8, 7, 6, 5, 4])
    await pages.list.reload()
    await Promise.all([pages.loadMore(), pages.loadMore()])
    expect(pages.items.value).toEqual([9, 8, 7, 6])
    await pages.restart()
    expect(pages.items.value).toEqual([9, 8])
    scope.stop()
  })
})

describe('asking the server', () => {
  afterEach(() => void vi.unstubAllGlobals())

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
  })

  it('says so of an answer that breaks off, too', async () => {
    const broken = { ok: true, status: 200, text: () => Promise.reject(new TypeError('network error')) }
    vi.stubGlobal('fetch', () => Promise.resolve(broken))
    await expect(makeRequest('/isengard')('GET', '/characters')).rejects.toMatchObject({ code: 'UNREACHABLE' })
  })

  it('comes to an end also where an upload is answered by something that is no JSON', async () => {
    class Asking {
      upload = {}
      status = 200
      responseText = '<html>Log in first'
      onload: () => void = () => {}
      open(): void {}
      setRequestHeader(): void {}
      send(): void {
        this.onload()
      }
    }
    vi.stubGlobal('XMLHttpRequest', Asking)
    await expect(sendFiles('/isengard/characters/ada/images', new FormData(), () => {})).rejects.toMatchObject({ code: 'PANEL' })
  })

  it('answers undefined for 204', async () => {
    vi.stubGlobal('fetch', () => Promise.resolve(new Response(null, { status: 204 })))
    await expect(makeRequest('/isengard')('DELETE', '/gallery/x')).resolves.toBeUndefined()
  })
})

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
