import { describe, expect, it } from 'vitest'

import type { Added, Photo } from '../api/types'
import { captionEdit, isComplete } from './captions'
import { asBody, dragged, inside, moved, WHOLE } from './crop'
import { arrivals, filesOf, pickedFiles, type Found } from './files'
import { badgeOf } from './photos'
import { answered, isOpen, refusals, refused, sent, tally, waiting, type Upload } from './uploads'

const upload: Upload = { id: 1, character: 'ada', name: 'a.jpg', preview: '', state: 'waiting' }

describe('uploads', () => {
  it('are sent, then looked at, then taken', () => {
    expect(sent(upload, 0.4)).toMatchObject({ state: 'sending', share: 0.4 })
    expect(sent(upload, 1).state).toBe('judging')
    expect(answered(upload, { file: 'a.jpg', code: '', twin: '' } as Added)).toMatchObject({ state: 'taken', file: 'a.jpg', character: 'ada' })
    expect(answered(upload, { file: '', code: '', twin: 'b.jpg' } as Added)).toMatchObject({ state: 'known', twin: 'b.jpg' })
    expect(answered(upload, { code: 'PHOTO_UNREADABLE', message: 'm', hint: 'h' } as Added)).toMatchObject({ state: 'refused', problem: { code: 'PHOTO_UNREADABLE' } })
  })

  it('go back into the line and are counted', () => {
    const list = [upload, sent(upload, 1), refused(upload, { code: 'X', message: '', hint: '' })]
    expect(tally(list)).toEqual({ open: 2, taken: 0, known: 0, refused: 1 })
    expect(isOpen(waiting(list[2]!))).toBe(true)
  })

  it('that fail for one reason are told once', () => {
    const full = { code: 'DISK_FULL', message: 'm', hint: 'h' }
    const found = refusals([refused({ ...upload, id: 1 }, full), refused({ ...upload, id: 2 }, full), refused({ ...upload, id: 3 }, { ...full, code: 'X' }), upload])
    expect(found.map(({ problem, uploads }) => [problem.code, uploads.map(({ id }) => id)])).toEqual([['DISK_FULL', [1, 2]], ['X', [3]]])
  })
})

describe('files that arrive', () => {
  const found = (path: string, type = ''): Found => ({ file: new File(['x'], path.split('/').pop()!, { type }), path })

  it('take the caption that lies beside a photo, in the same folder', () => {
    const came = arrivals([found('one/a.jpg'), found('one/a.txt'), found('two/a.jpg'), found('b.HEIC'), found('c', 'image/png'), found('d.CR3')])
    expect(came.photos.map(({ file, caption }) => [file.name, caption?.name])).toEqual([['a.jpg', 'a.txt'], ['a.jpg', undefined], ['b.HEIC', undefined], ['c', undefined], ['d.CR3', undefined]])
  })

  it('that are neither photo nor caption are named, but for what systems leave behind', () => {
    const came = arrivals([found('a.jpg'), found('notes.pdf'), found('alone.txt'), found('Thumbs.db'), found('x/.DS_Store'), found('ada.zip')])
    expect(came.leftOut).toEqual(['notes.pdf', 'alone.txt'])
    expect(came.archives.map(({ name }) => name)).toEqual(['ada.zip'])
  })

  it('come out of folders, however deep and full', async () => {
    const file = (path: string): FileSystemEntry =>
      ({ isFile: true, name: path.split('/').pop(), fullPath: path, file: (done: (file: File) => void) => done(new File(['x'], path.split('/').pop()!)) }) as never
    const folder = (path: string, inside: FileSystemEntry[]): FileSystemEntry => {
      const pages = [inside.slice(0, 1), inside.slice(1), []] // a browser gives them in parts
      const reader = { readEntries: (done: (found: FileSystemEntry[]) => void) => done(pages.shift() ?? []) }
      return { isFile: false, name: path.split('/').pop(), fullPath: path, createReader: () => reader } as never
    }
    const tree = folder('/trip', [file('/trip/a.jpg'), folder('/trip/day', [file('/trip/day/a.jpg'), file('/trip/day/.hidden')])])
    const items = [{ kind: 'file', webkitGetAsEntry: () => tree }] as never
    expect((await filesOf({ items, files: [] as never })).map(({ path }) => path)).toEqual(['trip/a.jpg', 'trip/day/a.jpg'])
    expect(pickedFiles([new File(['x'], 'a.jpg')])[0]!.path).toBe('a.jpg')
  })

  it('come although one beside them, or a folder, can not be read', async () => {
    const no = (_: unknown, refuse: (why: Error) => void): void => refuse(new Error('gone'))
    const good = { isFile: true, name: 'a.jpg', fullPath: '/trip/a.jpg', file: (done: (file: File) => void) => done(new File(['x'], 'a.jpg')) }
    const bad = { isFile: true, name: 'b.jpg', fullPath: '/trip/b.jpg', file: no }
    const shut = { isFile: false, name: 'shut', fullPath: '/shut', createReader: () => ({ readEntries: no }) }
    const items = [good, bad, shut].map((entry) => ({ kind: 'file', webkitGetAsEntry: () => entry })) as never
    const came = arrivals(await filesOf({ items, files: [] as never }))
    expect(came.photos.map(({ file }) => file.name)).toEqual(['a.jpg'])
    expect([came.unread, came.leftOut]).toEqual([['trip/b.jpg', 'shut'], []])
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

describe('a badge', () => {
  const photo = (values: Partial<Photo>, ...levels: string[]): Photo => ({ rejected: false, state: 'ok', findings: levels.map((level) => ({ level })), ...values }) as never

  it('says the worst that was found, unless the photo is put aside or not looked at yet', () => {
    expect(badgeOf(photo({}))).toBe('good')
    expect(badgeOf(photo({}, 'info', 'kept'))).toBe('good')
    expect(badgeOf(photo({}, 'warn', 'reject'))).toBe('bad')
    expect(badgeOf(photo({}, 'warn'))).toBe('look')
    expect(badgeOf(photo({ rejected: true }, 'reject'))).toBe('aside')
    expect(badgeOf(photo({ state: 'new' }))).toBe('waiting')
    expect(badgeOf(photo({ state: 'damaged' }))).toBe('bad')
  })
})

describe('an edit of captions', () => {
  it('carries what its kind needs', () => {
    expect(captionEdit('replace', 'a', 'b')).toEqual({ kind: 'replace', find: 'a', replace: 'b' })
    expect(captionEdit('add-tag', 'a', '')).toEqual({ kind: 'add-tag', tag: 'a' })
    expect(captionEdit('place-trigger', 'a', '')).toEqual({ kind: 'place-trigger' })
    expect(captionEdit('append', 'a', '')).toEqual({ kind: 'append', text: 'a' })
    expect([isComplete('append', ' '), isComplete('tidy-up', ''), isComplete('set', '')]).toEqual([false, true, true])
  })
})
