import { afterEach, describe, expect, it } from 'vitest'

import { asApiError, ApiError, errorFrom } from '../api/request'
import { explain, nameOf, problemOf, say, saidOf, type Said } from './server'
import { makeWords, type Language, type Words } from './words'

async function reader(language: Language): Promise<Words> {
  const words = makeWords('en')
  await words.show(language)
  return words
}

const sentence = (code: string, message: string, values: Record<string, unknown> = {}): Said => ({ code, message, values })
const plain = (text: string): string => text.replaceAll(/[\u2068\u2069]/g, '')

afterEach(() => localStorage.clear())

describe("a sentence of the server's", () => {
  const few = sentence('advice.far_too_few', 'Twelve more good photos would help most.', { n: 12, few: 10 })

  it('is shown as it is in English', async () => {
    expect(say(few, await reader('en'))).toBe('Twelve more good photos would help most.')
  })

  it('is said in the language of the reader, with its plural form and numbers', async () => {
    expect(say(few, await reader('de'))).toBe('Noch 12 gute Fotos würden am meisten helfen: Bei weniger als 10 werden einzelne Fotos auswendig gelernt.')
    expect(say({ ...few, values: { n: 1, few: 10 } }, await reader('de'))).toMatch(/^Noch 1 gutes Foto würde/)
    expect(plain(say({ ...few, values: { n: 2, few: 10 } }, await reader('ar')))).toMatch(/^صورتان/)
  })

  it("that is not known here stays the server's", async () => {
    expect(say(sentence('advice.of_tomorrow', 'Try this.'), await reader('zh'))).toBe('Try this.')
    expect(say(sentence('', 'Kept without a code.'), await reader('de'))).toBe('Kept without a code.')
  })

  it('says the sentences inside it, too, and leaves out what is empty', async () => {
    const why = sentence('face_finder.none', 'There is no face finder here.')
    const inside = sentence('not_measured.in_some', 'In 2 photos: …', { n: 2, what: sentence('not_measured.faces', '…', { why }) })
    expect(say(inside, await reader('de'))).toBe('Bei 2 Fotos: Gesichter, Abstand, Kopfhaltung und Kleidung wurden nicht gemessen. Hier ist keine Gesichtssuche eingerichtet.')
    expect(say(sentence('likeness.no_model', '…', { files: 'a.onnx', notes: '' }), await reader('de'))).toMatch(/legen\.$/)
  })

  it('lists things, puts sentences behind each other, and knows the names of light and guides', async () => {
    const german = await reader('de')
    const what = [sentence('toggle.pack', 'the pack A (x)', { name: 'A', source: 'x' }), sentence('toggle.pack', 'the pack B (y)', { name: 'B', source: 'y' })]
    expect(say(sentence('toggle.needs_files', '…', { toggle: 'pose', what }), german)).toBe('Haltung braucht das Paket A (x) und das Paket B (y).')
    expect(say(sentence('several', '…', { parts: [sentence('photo.raw', '…', { photo: 'a.dng' }), 'As it is.'] }), german)).toBe('a.dng ist eine Kamera-Rohdatei. As it is.')
    expect(say(sentence('advice.one_light', '…', { label: 'dim, warm' }), german)).toContain('(dunkel, warm)')
  })

  it('comes from an event, with its code or without', () => {
    expect(saidOf({ message: 'careful' })).toEqual({ code: '', message: 'careful', values: {} })
    expect(saidOf({ message: 'x', said: few })).toBe(few)
    expect(saidOf({})).toEqual({ code: '', message: '', values: {} })
  })
})

describe('an error', () => {
  const full = problemOf({ code: 'DISK_FULL', message: 'The disk is full; x was not written.', hint: 'Free disk space.' })

  it("is the server's own in English", async () => {
    expect(explain(full, await reader('en'))).toEqual({ what: full.message, todo: full.hint, exact: '', both: `${full.message} ${full.hint}` })
  })

  it('says what happened and what to do, and keeps the exact words', async () => {
    const found = explain(full, await reader('de'))
    expect(found.what).toBe('Auf der Festplatte ist zu wenig Platz.')
    expect(found.todo).toMatch(/^Platz schaffen/)
    expect(found.exact).toBe(`${full.message} ${full.hint}`)
  })

  it('that says it exactly needs no English beside it', async () => {
    const said = { message: sentence('disk.too_little', full.message, { needed: 11.25, free: 2 }), hint: sentence('disk.make_room', full.hint) }
    const found = explain({ ...full, said }, await reader('de'))
    expect(found.what).toBe('Das Training braucht bis zu 11,25\u00a0GB auf der Festplatte, frei sind 2\u00a0GB.')
    expect(found.todo).toBe('Platz schaffen, oder Rang oder Zahl der Zwischenstände senken.')
    expect(found.exact).toBe('')
  })

  it('of a newer server stays English', async () => {
    const strange = problemOf({ code: 'TOMORROW', message: 'Something new.', hint: 'Wait.' })
    expect(explain(strange, await reader('ar'))).toMatchObject({ what: 'Something new.', todo: 'Wait.', exact: '' })
  })

  it("of the panel's own is said here, too", async () => {
    const german = await reader('de')
    expect(explain(new ApiError('UNREACHABLE', 'x'), german).what).toBe('Der Server antwortet nicht.')
    expect(explain(errorFrom(502, '<html>'), german).what).toBe('Der Server antwortete mit 502.')
    expect(explain(asApiError(new TypeError('boom')), german)).toEqual({ what: 'Das hat nicht geklappt.', todo: '', exact: 'boom', both: 'Das hat nicht geklappt.' })
  })

  it("keeps the server's sentences when it comes as an answer", () => {
    const body = JSON.stringify({ error: { code: 'X', message: 'm', hint: 'h', said: { message: sentence('a', 'm') } } })
    expect(errorFrom(400, body).said?.message?.code).toBe('a')
  })
})

it('the language that was wanted last is shown, whichever comes first', async () => {
  const words = makeWords('en')
  const slow = words.show('de')
  await words.show('en')
  await slow
  expect([words.language.value, words.t('close')]).toEqual(['en', 'Close'])
})

it('a name is known by its id, or as the server says it', async () => {
  expect(nameOf('part.clip', 'CLIP-L text encoder', await reader('de'))).toBe('CLIP-L-Textleser')
  expect(nameOf('part.of_tomorrow', 'New part', await reader('de'))).toBe('New part')
})
