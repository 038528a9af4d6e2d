import { afterEach, describe, expect, it, vi } from 'vitest'

import type { Events, Listener } from './api/events'
import type { Request } from './api/request'
import type { Job, JobState } from './api/types'
import { watchEnds, watchTrainings } from './endings'
import { Source } from './testing'

afterEach(() => void vi.unstubAllGlobals())

/** A stream that says what the test says, and a server whose job is in a state. */
function watching(state: JobState) {
  const listeners = new Set<Listener>()
  const events = { on: (_: string, listener: Listener) => (listeners.add(listener), () => listeners.delete(listener)) } as unknown as Events
  const request = (async () => ({ id: 'j', name: 'Ada', state }) as Job) as unknown as Request
  const told: string[] = []
  const stop = watchEnds(events, request, (job) => told.push(job.state))
  const say = async (data: Record<string, unknown>): Promise<void> => {
    for (const listener of [...listeners]) await listener(data)
  }
  return { told, stop, say }
}

describe('the end of a training', () => {
  it('is told once, also if a stream that broke says it again', async () => {
    const { told, say, stop } = watching('done')
    await say({ job: 'j', type: 'loss', step: 3, seq: 3 })
    await say({ job: 'j', type: 'state', state: 'done', seq: 4 })
    await say({ job: 'j', type: 'state', state: 'done', seq: 4 })
    expect(told).toEqual(['done'])
    stop()
    await say({ job: 'j', type: 'state', state: 'done', seq: 9 })
    expect(told).toEqual(['done'])
  })

  it('is not told if somebody asked for it, or if it is over already that it was the end', async () => {
    const { told, say } = watching('training')
    await say({ job: 'j', type: 'state', state: 'paused', seq: 1 })
    await say({ job: 'j', type: 'state', state: 'failed', seq: 2 })
    expect(told).toEqual([])
  })

  it('is waited for also while a server that is being restarted can not say whether one runs', async () => {
    Source.all = []
    vi.stubGlobal('EventSource', Source)
    vi.stubGlobal('fetch', () => Promise.reject(new TypeError('Failed to fetch')))
    const stop = watchTrainings({ kind: 'comfyui', base: '/api/isengard', files: '/', addresses: 'memory' })
    await vi.waitFor(() => expect(Source.all.map(({ url }) => url)).toEqual(['/api/isengard/events']))
    stop()
    expect(Source.all[0]!.readyState).toBe(2)
  })
})
