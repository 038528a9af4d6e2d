// @vitest-environment node

import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

import { describe, expect, it } from 'vitest'

import arabic from './ar.json'
import german from './de.json'
import english from './en.json'
import serverArabic from './server.ar.json'
import serverGerman from './server.de.json'
import serverChinese from './server.zh.json'
import type { ServerTexts } from './server'
import { fill, languageFor, type Message } from './words'
import chinese from './zh.json'

const LOCALES = { de: german, zh: chinese, ar: arabic } as Record<string, Record<string, Message>>
const SERVER = { de: serverGerman, zh: serverChinese, ar: serverArabic } as unknown as Record<string, ServerTexts>
const forms = (message: Message): string[] => (typeof message === 'string' ? [message] : Object.values(message))
const names = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? '').sort()

describe.each(Object.keys(LOCALES))('%s', (language) => {
  const messages = LOCALES[language]!

  it('has every text and no other', () => {
    expect(Object.keys(messages).sort()).toEqual(Object.keys(english).sort())
  })

  it('has no empty text', () => {
    for (const [key, message] of Object.entries(messages)) {
      for (const form of forms(message)) expect(form.trim(), key).not.toBe('')
    }
  })

  it('has a form for every number that its language tells apart', () => {
    const rules = new Intl.PluralRules(language)
    for (const [key, message] of Object.entries(messages)) {
      if (typeof message === 'string') continue
      for (const n of [0, 1, 2, 3, 11, 100]) expect(message[rules.select(n)] ?? message.other, `${key} ${n}`).toBeTruthy()
    }
  })

  it('fills in nothing that English does not', () => {
    for (const [key, message] of Object.entries(messages)) {
      const known = new Set(forms((english as Record<string, Message>)[key]!).flatMap(names))
      for (const form of forms(message)) for (const name of names(form)) expect(known.has(name), `${key}: {${name}}`).toBe(true)
    }
  })
})

describe.each(Object.keys(SERVER))('what the server says, in %s,', (language) => {
  const { errors, findings, captions, said, names: things } = SERVER[language]!
  const texts = [...Object.entries(errors).map(([key, both]) => [key, both.join('\n')] as const), ...Object.entries(findings), ...Object.entries(captions), ...Object.entries(things), ...Object.entries(said).flatMap(([key, message]) => forms(message).map((form) => [key, form] as const))]

  it('is said of the same things as in German', () => {
    const german = SERVER.de!
    for (const part of ['errors', 'findings', 'captions', 'said', 'names'] as const) expect(Object.keys(SERVER[language]![part]), part).toEqual(Object.keys(german[part]))
  })

  it('has two sentences for every error, and no empty text', () => {
    for (const both of Object.values(errors)) expect(both).toHaveLength(2)
    for (const [key, text] of texts) for (const line of text.split('\n')) expect(line.trim(), key).not.toBe('')
  })

  it('fills in the same values as German', () => {
    const german = SERVER.de!
    for (const [key, message] of [...Object.entries(said), ...Object.entries(findings), ...Object.entries(captions)]) {
      const known = [...new Set(forms((german.said[key] ?? german.findings[key] ?? german.captions[key])!).flatMap(names))].filter((name) => name !== 'n')
      for (const form of forms(message)) expect([...new Set(names(form))].filter((name) => name !== 'n'), key).toEqual(known)
    }
  })

  it('has a form for every number that its language tells apart', () => {
    const rules = new Intl.PluralRules(language)
    for (const [key, message] of Object.entries(said)) {
      if (typeof message === 'string') continue
      for (const n of [0, 1, 2, 3, 11, 100]) expect(message[rules.select(n)] ?? message.other, `${key} ${n}`).toBeTruthy()
    }
  })

  it('is not English', () => {
    const english = /\b(the|and|is|are|of|with|not|please)\b/i
    for (const [key, text] of texts) expect(english.test(text.replaceAll(/\{\w+\}/g, '')), `${key}: ${text}`).toBe(false)
  })
})

it('knows every text that a component asks for by name', () => {
  const folder = resolve(import.meta.dirname, '..')
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => /\.(vue|ts)$/.test(name) && !name.includes('.test.'))
  const asked = files.flatMap((name) => [...readFileSync(join(folder, name), 'utf8').matchAll(/\bt\('([\w.-]+)'/g)].map(([, key]) => key ?? ''))
  expect(asked.length).toBeGreaterThan(100)
  expect(asked.filter((key) => !(key in english))).toEqual([])
})

it('chooses plural forms and writes numbers as the language does', () => {
  expect(fill({ one: '{n} photo', other: '{n} photos' }, { n: 1 }, 'en')).toBe('1 photo')
  expect(fill({ one: '{n} photo', other: '{n} photos' }, { n: 1200 }, 'en')).toBe('1,200 photos')
  expect(fill('{x} {y}', { x: 'a' }, 'en')).toBe('a {y}')
  expect(languageFor(['de-AT', 'en'])).toBe('de')
  expect(languageFor(['fr'])).toBe('en')
})

it('keeps the direction of what is filled into a text from right to left', () => {
  expect(fill('{x}.', { x: '19 GB' }, 'ar')).toBe('\u206819 GB\u2069.')
  expect(fill('{x}.', { x: '19 GB' }, 'de')).toBe('19 GB.')
})
