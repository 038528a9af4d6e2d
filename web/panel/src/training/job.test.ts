import { ref, watch } from 'vue'
import { describe, expect, it, vi } from 'vitest'

import { held, surroundings } from '../testing'
import { useJob } from './job'

const job = { id: 'j', state: 'training', step: 2, steps: 9, warnings: [] }
const loss = { steps: [1, 2], loss: [3, 2], smoothed: [3, 2.5], last_event: 5 }

describe('a training that is opened while it runs', () => {
  it('has what was told while the answers were on their way', async () => {
    const artifacts = held<unknown>()
    const { run, say } = surroundings((path) => (path.endsWith('/loss') ? loss : path.endsWith('/artifacts') ? artifacts.promise : job))
    const { now } = run(() => useJob(ref('j')))
    await Promise.resolve()
    say('job', { job: 'j', type: 'sample', step: 2, index: 0, file: 'samples/a.png', seq: 5 })
    say('job', { job: 'j', type: 'loss', step: 2, loss: 9, smoothed: 9, seq: 4 })
    say('job', { job: 'j', type: 'loss', step: 3, loss: 1, smoothed: 2, seq: 6 })
    artifacts.give({ artifacts: [] })
    await vi.waitFor(() => expect(now.value?.steps).toEqual([1, 2, 3]))
    expect(now.value?.loss).toEqual([3, 2, 1])
    expect(now.value?.samples.map(({ url }) => url)).toEqual(['/isengard/jobs/j/artifacts/a.png'])
  })

  it('shows nothing of the one before', async () => {
    const first = held<unknown>()
    const id = ref('old')
    const { run } = surroundings((path) => {
      if (path.endsWith('/loss')) return loss
      if (path.endsWith('/artifacts')) return path.includes('/old/') ? first.promise : { artifacts: [] }
      return { ...job, id: path.split('/').at(-1) }
    })
    const { loading, now } = run(() => useJob(id))
    const seen: string[] = []
    run(() => watch(now, (followed) => void seen.push(...(followed?.samples ?? []).map(({ url }) => url)), { flush: 'sync' }))
    id.value = 'new'
    await Promise.resolve()
    first.give({ artifacts: [{ kind: 'sample', step: 1, index: 0, url: 'old' }] })
    await vi.waitFor(() => expect(loading.value.value).toMatchObject({ data: { id: 'new' } }))
    expect(seen).toEqual([])
  })

  it('says a warning once, however often it is told', async () => {
    const { run, say } = surroundings((path) => (path.endsWith('/loss') ? loss : path.endsWith('/artifacts') ? { artifacts: [] } : { ...job, warnings: [{ code: '', message: 'careful', values: {} }] }))
    const { now } = run(() => useJob(ref('j')))
    await vi.waitFor(() => expect(now.value).not.toBeNull())
    say('job', { job: 'j', type: 'warning', message: 'careful', seq: 7 })
    expect(now.value?.warnings.map(({ message }) => message)).toEqual(['careful'])
  })
})
