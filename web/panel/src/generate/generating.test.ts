import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import type { Generation } from '../api/types'
import { held, Source, surroundings } from '../testing'
import { useGenerating } from './generating'

const generation = (id: string, state: Generation['state'] = 'running'): Generation =>
  ({ id, state, count: 1, pictures: [], progress: null, error: null, said: { code: '', message: '', values: {} }, settings: { loras: [{ character: 'ada' }] } }) as unknown as Generation

beforeEach(() => {
  Source.all = []
  vi.stubGlobal('EventSource', Source)
})
afterEach(() => void vi.unstubAllGlobals())

/** Follows Ada's pictures; `found` is what the server has when the step is opened. */
function generating(found: Promise<{ generations: Generation[] }> | { generations: Generation[] }) {
  const pictureDone = vi.fn()
  const around = surroundings((_, method) => (method === 'POST' ? generation('new', 'queued') : found))
  return { ...around, pictureDone, its: around.run(() => useGenerating('ada', pictureDone)) }
}
const ids = (its: ReturnType<typeof useGenerating>): string[] => its.makings.value.map(({ id }) => id)

describe('pictures on their way', () => {
  it('that were asked for before the server has said what runs are still shown afterwards', async () => {
    const answer = held<{ generations: Generation[] }>()
    const { its } = generating(answer.promise)
    await its.start({})
    answer.give({ generations: [generation('old')] })
    await vi.waitFor(() => expect(ids(its)).toEqual(['old', 'new']))
  })

  it('are not followed by a step that was left before anything was known', async () => {
    const answer = held<{ generations: Generation[] }>()
    const { leave, its } = generating(answer.promise)
    const starting = its.start({})
    leave()
    answer.give({ generations: [generation('old')] })
    await starting
    await Promise.resolve()
    expect(Source.all).toEqual([])
  })

  it('are seen to end though another one is followed', async () => {
    const { its, say } = generating({ generations: [generation('one'), generation('two', 'queued')] })
    await vi.waitFor(() => expect(ids(its)).toEqual(['one', 'two']))
    expect(Source.all.map(({ url }) => url)).toEqual(['/isengard/generate/one/stream'])
    say('generation', { generation: 'two', type: 'cancelled' })
    expect(ids(its)).toEqual(['one'])
  })

  it('go on by the page\'s stream where their own was given up', async () => {
    const { its, say, pictureDone } = generating({ generations: [generation('one')] })
    await vi.waitFor(() => expect(Source.all).toHaveLength(1))
    Source.all[0]!.readyState = 2
    Source.all[0]!.onerror?.()
    say('generation', { generation: 'one', type: 'progress', step: 3, steps: 9 })
    expect(its.makings.value[0]).toMatchObject({ phase: 'making', step: 3 })
    say('generation', { generation: 'one', type: 'picture', id: 'p' })
    say('generation', { generation: 'somebody else\'s', type: 'picture', id: 'q' })
    expect(pictureDone).toHaveBeenCalledTimes(1)
    say('generation', { generation: 'one', type: 'done' })
    expect(ids(its)).toEqual([])
  })
})
