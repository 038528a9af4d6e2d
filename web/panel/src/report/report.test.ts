import { describe, expect, it } from 'vitest'

import type { Report } from '../api/types'
import type { Words } from '../i18n/words'
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
  const words = (language: string): Words =>
    ({ language: { value: language }, named: (key: string, otherwise: string, values: object) => (key.endsWith('too_small.what') || key.startsWith('caption.') ? `${key} ${JSON.stringify(values)}` : otherwise) }) as unknown as Words
  const small = { code: 'too_small', message: 'The photo is small.', measured: 500.4, threshold: 768 }

  it("is the server's in English, and ours in other languages, with what was measured", () => {
    expect(sentenceOf(small, words('en'))).toBe('The photo is small.')
    expect(sentenceOf(small, words('de'))).toBe('finding.too_small.what {"measured":500,"threshold":768}')
    expect(sentenceOf({ ...small, code: 'new_one' }, words('de'))).toBe('The photo is small.')
    expect(captionSentenceOf({ code: 'duplicate', message: 'm', subject: 'red' }, words('ar'))).toContain('"subject":"red"')
  })
})
