import { describe, expect, it } from 'vitest'

import type { Added, Artifact, Generation, Job, Loss, Picture, Report, Setting } from './api/types'
import { NO_FILTERS, queryOf } from './dataset/dataset'
import { all, clicked, covered, NOTHING, remaining, toggled } from './dataset/selection'
import { inSight, layout } from './dataset/windowing'
import { again, ASPECTS, drawing } from './generate/aspects'
import { advanced, charactersOf, made } from './generate/following'
import { asBody, dragged, inside, moved, WHOLE } from './photos/crop'
import { arrivals } from './photos/files'
import { answered, refused, sent, tally, type Upload } from './photos/uploads'
import { recommendedStep, rowsOf } from './pick/grid'
import { counts, groupsOf } from './report/repairs'
import { about, bytes } from './shared/format'
import { begin, followed, sampledSteps } from './training/follow'
import { asText, fromText, inRange, withChange } from './training/settings'
import { lighter, wayOut } from './training/ways'

describe('uploads', () => {
  const waiting: Upload = { id: 1, name: 'a.jpg', preview: '', state: 'waiting' }

  it('are sent, then looked at, then taken', () => {
    expect(sent(waiting, 0.4)).toMatchObject({ state: 'sending', share: 0.4 })
    expect(sent(waiting, 1).state).toBe('judging')
    expect(answered(waiting, { file: 'a.jpg', code: '', twin: '' } as Added)).toMatchObject({ state: 'taken', file: 'a.jpg' })
    expect(answered(waiting, { file: '', code: '', twin: 'b.jpg' } as Added)).toMatchObject({ state: 'known', twin: 'b.jpg' })
    expect(answered(waiting, { code: 'PHOTO_UNREADABLE', message: 'm', hint: 'h' } as Added)).toMatchObject({ state: 'refused', code: 'PHOTO_UNREADABLE' })
  })

  it('are counted', () => {
    const list = [waiting, sent(waiting, 1), refused(waiting, { code: 'X', message: '', hint: '' })]
    expect(tally(list)).toEqual({ open: 2, taken: 0, known: 0, refused: 1 })
  })

  it('take the caption that lies beside a photo, and leave out what is no picture', () => {
    const file = (name: string, type = ''): File => new File(['x'], name, { type })
    const found = arrivals([file('a.jpg'), file('a.txt'), file('b.HEIC'), file('notes.pdf'), file('c', 'image/png')])
    expect(found.map(({ file: { name }, caption }) => [name, caption?.name])).toEqual([['a.jpg', 'a.txt'], ['b.HEIC', undefined], ['c', undefined]])
  })
})

describe('cropping', () => {
  it('stays within the picture', () => {
    expect(moved({ left: 0.5, top: 0, width: 0.5, height: 1 }, 0.3, 0.3)).toEqual({ left: 0.5, top: 0, width: 0.5, height: 1 })
    expect(dragged(WHOLE, 'se', 2, 2)).toEqual(WHOLE)
    expect(dragged(WHOLE, 'nw', 0.99, 0.99).width).toBeCloseTo(0.1)
  })

  it('of a crop is told as one of the whole, and the whole is none', () => {
    expect(inside({ left: 0.5, top: 0.5, width: 0.5, height: 0.5 }, { left: 0.5, top: 0, width: 0.5, height: 1 })).toEqual({ left: 0.75, top: 0.5, width: 0.25, height: 0.5 })
    expect(asBody(WHOLE)).toBeNull()
  })
})

describe('the report', () => {
  const finding = { message: 'm', measured: null, threshold: null, unit: null, others: [] }
  const report = {
    findings: {
      a: [{ ...finding, code: 'blurred', level: 'warn', repairs: ['reject', 'keep'] }],
      b: [{ ...finding, code: 'blurred', level: 'warn', repairs: ['reject', 'keep'] }, { ...finding, code: 'near_duplicate', level: 'reject', repairs: ['remove_duplicate', 'keep'] }],
      c: [{ ...finding, code: 'several_faces', level: 'info', repairs: ['crop_face'] }, { ...finding, code: 'too_small', level: 'kept', repairs: ['reject'] }],
    },
    captions: { photos: 3, written: 1, findings: [{ code: 'EMPTY', level: 'warning', message: 'm', photos: ['a', 'b'], repair: { kind: 'place-trigger' }, subject: '' }] },
  } as unknown as Report

  it('groups findings by what to do, the worst first, without those that were overruled', () => {
    expect(groupsOf(report, new Set()).map(({ code, level, photos, repair }) => [code, level, photos.length, repair?.kind])).toEqual([
      ['near_duplicate', 'bad', 1, 'reject'],
      ['blurred', 'look', 2, 'reject'],
      ['EMPTY', 'look', 2, 'captions'],
      ['several_faces', 'note', 1, 'crop_face'],
    ])
  })

  it('says nothing of photos that are put aside', () => {
    expect(groupsOf(report, new Set(['a', 'b'])).map(({ code }) => code)).toEqual(['EMPTY', 'several_faces'])
    expect(counts(report, ['a', 'b', 'c', 'd'])).toEqual({ good: 2, look: 2 })
  })
})

describe('following a training', () => {
  const job = { state: 'training', step: 4, steps: 10, warnings: [] } as unknown as Job
  const loss: Loss = { steps: [1, 2, 3, 4], loss: [4, 3, 2, 1], smoothed: [4, 3.5, 3, 2.5], learning_rate: [], seen: 4, last_event: 9 }
  const artifacts = [
    { kind: 'sample', step: 4, index: 1, url: 'u41' }, { kind: 'sample', step: 0, index: 0, url: 'u00' }, { kind: 'checkpoint', step: 4, index: null, url: 'c' },
  ] as Artifact[]
  const start = begin(job, loss, artifacts)

  it('begins with what is there', () => {
    expect(start.samples.map(({ url }) => url)).toEqual(['u00', 'u41'])
    expect(start.checkpoints).toEqual([4])
    expect(sampledSteps(start.samples)).toEqual([0, 4])
  })

  it('takes back steps that come again after a resume', () => {
    const next = followed(start, { type: 'loss', step: 3, loss: 9, smoothed: 8 }, String)
    expect([next.steps, next.loss]).toEqual([[1, 2, 3], [4, 3, 9]])
  })

  it('adds samples, checkpoints and warnings as they come', () => {
    let now = followed(start, { type: 'sample', step: 8, index: 0, file: 'samples/s.png' }, (file) => `/x/${file}`)
    now = followed(now, { type: 'checkpoint', step: 8 }, String)
    now = followed(now, { type: 'warning', message: 'careful' }, String)
    expect(now.samples.at(-1)).toEqual({ step: 8, index: 0, url: '/x/samples/s.png' })
    expect([now.checkpoints, now.warnings]).toEqual([[4, 8], ['careful']])
    expect(followed(now, { type: 'state', state: 'done' }, String).state).toBe('done')
  })

  it('leads out of a failure', () => {
    const failed = (code: string, settings: Record<string, unknown> = {}): string => wayOut({ error: { code, message: '', hint: '', details: null }, settings, can_resume: true } as never).kind
    expect(failed('GPU_MEMORY_FULL')).toBe('less-memory')
    expect(failed('PHOTO_UNREADABLE')).toBe('photos')
    expect(failed('MODEL_MISSING')).toBe('setup')
    expect(failed('INTERNAL')).toBe('resume')
    expect(lighter({ gradient_checkpointing: true, resolutions: [512, 1024] })).toEqual({ resolutions: [512] })
    expect(lighter({ gradient_checkpointing: true, resolutions: [512], batch_size: 1 })).toBeNull()
  })
})

describe('settings', () => {
  const setting = (values: Partial<Setting>): Setting => ({ name: 'x', type: 'whole number', default: 1, help: '', unit: '', least: 1, most: 10, choices: [], ...values }) as Setting

  it('are read from what was typed', () => {
    expect(fromText(setting({}), ' 7 ')).toBe(7)
    expect(fromText(setting({}), '7.5')).toBeNull()
    expect(fromText(setting({ type: 'number' }), '1e-4')).toBe(0.0001)
    expect(fromText(setting({ type: 'list of whole numbers' }), '512, 768')).toEqual([512, 768])
    expect(fromText(setting({ type: 'list of texts' }), 'a\n\n b ')).toEqual(['a', 'b'])
    expect(asText(setting({ type: 'list of texts' }), ['a', 'b'])).toBe('a\nb')
  })

  it('are held to their range, and marked only if they differ', () => {
    expect(inRange(setting({}), 11)).toBe(false)
    expect(inRange(setting({ most: null }), 11)).toBe(true)
    expect(withChange({ y: 1 }, 'x', 3, 2)).toEqual({ y: 1, x: 3 })
    expect(withChange({ x: 3 }, 'x', 2, 2)).toEqual({})
  })
})

describe('choosing a checkpoint', () => {
  const artifacts = [
    { kind: 'sample', step: 0, index: 0, url: 'a' }, { kind: 'sample', step: 5, index: 1, url: 'b' }, { kind: 'checkpoint', step: 5, index: null, url: 'c' },
  ] as Artifact[]

  it('has a row a step and a column a prompt', () => {
    expect(rowsOf(artifacts, 2).map(({ step, kept, samples }) => [step, kept, samples.map((one) => one?.url)])).toEqual([
      [0, false, ['a', undefined]],
      [5, true, [undefined, 'b']],
    ])
  })

  it('recommends only what was measured', () => {
    const lora = (step: number, likeness?: number) => ({ job: 'j', step, scores: likeness === undefined ? null : { likeness } }) as never
    expect(recommendedStep([lora(5), lora(9)], { id: 'j' } as Job)).toBeNull()
    expect(recommendedStep([lora(5, 0.8), lora(9, 0.6)], { id: 'j' } as Job)).toBe(5)
  })
})

describe('making pictures', () => {
  const generation = { id: 'g', state: 'queued', count: 2, pictures: [], progress: null, reason: '', error: null } as unknown as Generation

  it('goes from waiting to done', () => {
    let now = made(generation)
    expect(now.phase).toBe('queued')
    now = advanced(now, 'progress', { step: 3, steps: 20 })
    now = advanced(now, 'preview', { image: '/9j/AAAA' })
    now = advanced(now, 'preview', { image: '/9j/AAA…' })
    expect(now).toMatchObject({ phase: 'making', step: 3, preview: 'data:image/jpeg;base64,/9j/AAAA' })
    now = advanced(now, 'picture', { id: 'p' })
    expect(advanced(now, 'picture', { id: 'p' }).done).toEqual(['p'])
    expect(advanced(now, 'failed', { code: 'X', message: 'm', hint: 'h' })).toMatchObject({ phase: 'over', error: { code: 'X' } })
    expect(charactersOf({ loras: [{ character: 'ada' }, {}] })).toEqual(['ada'])
  })

  it('makes a picture again with its seed, and another without', () => {
    const picture = { prompt: 'p', settings: { prompt: '{trigger} p', seed: 5, aspect: '3:4', steps: 9, guidance: 2, loras: [{ strength: 0.7 }] } } as unknown as Picture
    expect(again(picture, 'ada', 'same')).toEqual({ prompt: '{trigger} p', character: 'ada', aspect: '3:4', count: 1, steps: 9, guidance: 2, strength: 0.7, seed: 5 })
    expect(again(picture, 'ada', 'vary')).not.toHaveProperty('seed')
  })

  it('draws seven shapes of about the same area', () => {
    expect(ASPECTS).toHaveLength(7)
    for (const aspect of ASPECTS) {
      const { width, height } = drawing(aspect)
      expect(Math.abs(width * height - 400)).toBeLessThan(40)
    }
  })
})

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

  it('lays out only what is in sight of ten thousand', () => {
    const grid = layout(1000, 128, 6)
    expect(grid.columns).toBe(7)
    const shown = inSight(10_000, grid, 50_000, 800)
    expect(shown.last - shown.first).toBeLessThan(120)
    expect(shown.first % grid.columns).toBe(0)
    expect(inSight(0, grid, 0, 800)).toMatchObject({ first: 0, last: 0, height: 0 })
    expect(layout(10, 128, 6).columns).toBe(1)
  })

  it('asks only for what was chosen', () => {
    expect(queryOf({ ...NO_FILTERS, q: ' red ', small: true, days: 1 }, Date.UTC(2026, 0, 2))).toMatchObject({ q: 'red', most_side: 767, added_from: '2026-01-01T00:00:00.000Z', rejected: null })
  })
})

describe('numbers for people', () => {
  const t = ((key: string, values: Record<string, unknown> = {}) => `${key} ${values.n ?? values.span ?? ''}`) as never

  it('are rounded to what matters', () => {
    expect(about(358.3, t)).toBe('time.about time.minutes 6')
    expect(about(5400, t)).toBe('time.about time.hours 1.5')
    expect(about(0, t)).toBe('time.about time.seconds 1')
    expect(bytes(729_000_000, 'en')).toBe('729 MB')
    expect(bytes(4_200_000_000, 'en')).toBe('4.2 GB')
  })
})
