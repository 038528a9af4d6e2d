import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import { surroundings } from '../testing'
import { provideUploading, type Uploading } from './uploading'

class Asking {
  static all: Asking[] = []
  upload: Record<string, () => void> = {}
  status = 0
  responseText = ''
  onload: () => void = () => {}
  onerror: () => void = () => {}
  open(): void {}
  send(): void {
    Asking.all.push(this)
  }
  answer(file: string): void {
    this.status = 201
    this.responseText = JSON.stringify({ added: [{ file, code: '', twin: '' }] })
    this.onload()
  }
}

beforeEach(() => {
  Asking.all = []
  vi.stubGlobal('XMLHttpRequest', Asking)
  vi.spyOn(console, 'warn').mockImplementation(() => {}) // Vue, of what is provided outside of a component
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

/** The panel is opened beside a server of its own. */
function opened(base: string): { uploading: Uploading; leave: () => void } {
  const { panel, run, leave } = surroundings(() => ({}))
  panel.host.base = base
  return { uploading: run(provideUploading), leave }
}
const photos = (count: number) => Array.from({ length: count }, (_, place) => ({ file: new File(['x'], `${place}.heic`) }))

describe('photos on their way', () => {
  it('go on while the panel is closed, and are there when it is opened again', async () => {
    const first = opened('/one')
    first.uploading.add('ada', photos(5))
    expect(Asking.all).toHaveLength(3)
    first.leave()
    for (let place = 0; place < 5; place++) {
      await vi.waitFor(() => expect(Asking.all.length).toBeGreaterThan(place))
      Asking.all[place]!.answer(`${place}.jpg`)
    }
    const again = opened('/one')
    await vi.waitFor(() => expect(again.uploading.uploads.value.map(({ state }) => state)).toEqual(Array(5).fill('taken')))
    expect(opened('/two').uploading.uploads.value).toEqual([])
  })

  it('are tried again now and then, not without a pause, where nobody answers', async () => {
    vi.useFakeTimers()
    const { uploading } = opened('/three')
    uploading.add('ada', photos(4))
    for (let turn = 0; turn < 20; turn++) {
      for (const one of Asking.all) one.onerror()
      await vi.advanceTimersByTimeAsync(10)
    }
    expect(Asking.all).toHaveLength(3)
    await vi.advanceTimersByTimeAsync(3000)
    expect(Asking.all).toHaveLength(6)
  })
})
