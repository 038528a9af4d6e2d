import { describe, expect, it } from 'vitest'

import type { Report } from '../api/types'
import { makeWords } from '../i18n/words'
import { counts, groupsOf } from './repairs'
import { captionSentenceOf, sentenceOf } from './sentences'

const finding = { message: 'm', measured: null, threshold: null, unit: null, others: [] as string[] }
const report = {
  findings: {
    a: [{ ...finding, code: 'blurred', level: 'warn', repairs: ['reject', 'keep'] }],
    b: [{ ...finding, code: 'blurred', level: 'warn', repairs: ['reject', 'keep'] }, { ...finding, code: 'near_duplicate', level: 'reject', repairs: ['remove_duplicate', 'keep'], others: ['c'] }],
    c: [{ ...finding, code: 'several_faces', level: 'info', repairs: ['crop_face'] }, { ...finding, code: 'too_small', level: 'kept', repairs: ['reject'] }],
  },
  captions: { photos: 3, written: 1, findings: [{ code: 'empty', level: 'warn', message: 'm', photos: ['a', 'b'], repair: { kind: 'place-trigger' }, subject: '' }] },
} as unknown as Report

describe('the report', () => {
  it('groups findings by what to do, the worst first, without those that were overruled', () => {
    expect(groupsOf(report, new Set()).map(({ code, level, photos, repair }) => [code, level, photos.length, repair?.kind])).toEqual([
      ['near_duplicate', 'bad', 1, 'reject'],
      ['blurred', 'look', 2, 'reject'],
      ['empty', 'look', 2, 'describe'],
      ['several_faces', 'note', 1, 'crop_face'],
    ])
  })

  it('shows what a photo is a copy of', () => {
    expect(groupsOf(report, new Set()).map(({ twins }) => twins)).toEqual([{ b: 'c' }, {}, {}, {}])
  })

  it('says nothing of photos that are put aside', () => {
    expect(groupsOf(report, new Set(['a', 'b'])).map(({ code }) => code)).toEqual(['empty', 'several_faces'])
    expect(counts(report, ['a', 'b', 'c', 'd'])).toEqual({ good: 2, look: 2 })
  })
})

describe('a sentence', () => {
  const small = { code: 'too_small', level: 'warn', message: 'The photo is small.', measured: 500.4, threshold: 768 }

  it("is the server's in English, and ours in other languages, with what was measured", async () => {
    const words = makeWords('en')
    expect(sentenceOf(small, words)).toBe('The photo is small.')
    await words.show('de')
    expect(sentenceOf(small, words)).toMatch(/^Die kurze Seite hat 500 Pixel, für das Training sollten es 768 sein/)
    expect(sentenceOf({ ...small, code: 'new_one' }, words)).toBe('The photo is small.')
    expect(captionSentenceOf({ code: 'trait_in_nearly_all', message: 'm', subject: 'red' }, words)).toContain('„red“')
    expect(captionSentenceOf({ code: 'new_one', message: 'm', subject: 'red' }, words)).toBe('m')
  })

  it('may be another one where the finding is only a note', async () => {
    const words = makeWords('en')
    await words.show('de')
    const none = { ...small, code: 'no_face' }
    expect(sentenceOf({ ...none, level: 'note' }, words)).not.toBe(sentenceOf(none, words))
    expect(sentenceOf({ ...none, level: 'info' }, words)).toMatch(/^Die grobe Suche/)
  })
})
