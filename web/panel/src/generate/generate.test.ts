import { describe, expect, it } from 'vitest'

import type { Character, Generation, Generator, Lora, Picture } from '../api/types'
import { abilityOf, canChoose, closedWays, generatorOf, wayFor } from './abilities'
import { again, usesOf } from './again'
import { candidateOf, companionsOf } from './also'
import { ASPECTS, drawing } from './aspects'
import { draftFrom, emptyDraft, takeOver, wishOf } from './draft'
import { factsOf, textOf } from './facts'
import { advanced, charactersOf, made, mayPreview } from './following'
import { bodyOf, countOn, incomplete, noGuides } from './guides'
import { introduced, readable, withoutIntroduction } from './wording'

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

  it('makes a picture again with its seed and all that steered it, and another without the seed', () => {
    const picture = {
      prompt: 'p',
      settings: {
        prompt: '{trigger} p', seed: 5, aspect: '3:4', width: 96, height: 128, steps: 9, guidance: 2, generator: 'comfyui', loras: [{ character: 'ada', lora: 'l', strength: 0.7 }],
        controlnet: { image: 'guide-0123456789abcdef.png', kind: 'pose', strength: 0.5 }, image_prompt: { image: 'elsewhere.png' }, upscale: { factor: 2 }, face_detailer: null,
      },
    } as unknown as Picture
    expect(again(picture, 'same', () => true)).toEqual({
      prompt: '{trigger} p', character: 'ada', lora: 'l', aspect: '3:4', width: 96, height: 128, count: 1, steps: 9, guidance: 2, generator: 'comfyui', strength: 0.7, seed: 5,
      controlnet: { guide: 'guide-0123456789abcdef', kind: 'pose', strength: 0.5 }, upscale: { factor: 2 },
    })
    expect(again(picture, 'vary', () => true)).not.toHaveProperty('seed')
    expect(again(picture, 'vary', () => false)).not.toHaveProperty('lora')
    const t = (key: string, values: object = {}): string => [key, ...Object.values(values)].join(' ')
    const facts = factsOf(picture, { t: t as never, named: (_key, otherwise) => otherwise }, () => 'Ada')
    expect(facts).toContainEqual({ label: 'guide.controlnet', value: 'pose, strength 0.5' })
    expect(facts[0]).toEqual({ label: 'Ada', value: 'picture.use l 0.7' })
  })

  it('shows previews as often as somebody wants', () => {
    expect([mayPreview('each', 0), mayPreview('calm', 1000), mayPreview('calm', 2000), mayPreview('none', 9999)]).toEqual([true, false, true, false])
  })

  it('draws seven shapes of about the same area', () => {
    expect(ASPECTS).toHaveLength(7)
    for (const aspect of ASPECTS) {
      const { width, height } = drawing(aspect)
      expect(Math.abs(width * height - 400)).toBeLessThan(40)
    }
  })
})

describe('guides', () => {
  const picture = { id: 'guide-1', name: 'a.png', url: '' }

  it('are sent when they are on and have their picture', () => {
    const guides = noGuides()
    expect(bodyOf(guides)).toEqual({})
    guides.controlnet.on = true
    guides.upscale.on = true
    expect([incomplete(guides), countOn(guides)]).toEqual([['controlnet'], 2])
    expect(bodyOf(guides)).toEqual({ upscale: { factor: 2, method: 'model' } })
    guides.controlnet.picture = picture
    expect(bodyOf(guides).controlnet).toEqual({ guide: 'guide-1', kind: 'canny', strength: 0.6, start: 0, end: 0.8 })
    expect(incomplete(guides)).toEqual([])
  })

  it('say what is missing, way by way', () => {
    const generator = { name: 'comfyui', ready: true, toggles: [{ name: 'controlnet', ready: true, reason: '', get: [], choices: [{ name: 'pose', ready: false, reason: 'needs aux' }, { name: 'depth', ready: true, reason: '' }] }] } as unknown as Generator
    const ability = abilityOf(generator, 'controlnet')
    expect([canChoose(ability, 'canny'), canChoose(ability, 'pose')]).toEqual([true, false])
    expect(closedWays(ability).map(({ reason }) => reason)).toEqual(['needs aux'])
    expect([wayFor(ability, 'pose', ['pose', 'depth']), wayFor(ability, 'depth', ['pose', 'depth'])]).toEqual(['depth', 'depth'])
    expect(abilityOf(generator, 'upscale').ready).toBe(false)
    expect(generatorOf([{ name: 'a', ready: false }, { name: 'b', ready: true }] as Generator[])?.name).toBe('b')
    expect(generatorOf([{ name: 'a', ready: false }, { name: 'b', ready: true }] as Generator[], 'a')?.name).toBe('a')
  })
})

describe('a draft', () => {
  const who = { character: 'ada', classWord: 'woman', lora: { id: 'l', trigger_word: 'ohwx' }, strength: 0.9, others: [], generator: 'diffusers' }

  it('becomes a request that leaves open what nobody set', () => {
    const draft = { ...emptyDraft(), prompt: ' smiling ' }
    expect(wishOf(draft, who)).toEqual({ prompt: '{trigger} woman, smiling', character: 'ada', lora: 'l', strength: 0.9, aspect: '1:1', count: 4, generator: 'diffusers' })
    expect(wishOf({ ...draft, prompt: '', seed: 'x', strength: 0.5, steps: 3 }, who)).toMatchObject({ prompt: '{trigger} woman', strength: 0.5, steps: 3 })
    expect(wishOf({ ...draft, seed: '7' }, who).seed).toBe(7)
  })

  it('comes back as it was stored, without addresses that are gone', () => {
    const draft = emptyDraft()
    draft.guides.controlnet.picture = { id: 'guide-1', name: 'a', url: 'blob:x' }
    draft.prompt = 'p'
    const back = draftFrom(JSON.stringify(draft))
    expect([back.prompt, back.guides.controlnet.picture]).toEqual(['p', { id: 'guide-1', name: 'a', url: '' }])
    expect(draftFrom('{')).toEqual(emptyDraft())
  })

  it('takes the settings of a picture over', () => {
    const draft = emptyDraft()
    const uses = [{ character: 'ada', lora: 'l', strength: 0.7, word: 'ohwx', classWord: 'woman' }]
    takeOver(draft, { prompt: '{trigger} woman, smiling', aspect: '3:4', count: 1, seed: 5 }, uses, 'ada')
    expect(draft).toMatchObject({ prompt: 'smiling', aspect: '3:4', seed: '5', strength: 0.7, steps: '' })
  })
})

describe('several characters', () => {
  const person = (id: string, lora = ''): Character => ({ id, name: id.toUpperCase(), class_word: 'man', strength: 0.8, lora }) as Character
  const version = (id: string, character: string, family = 'mini', word = character): Lora => ({ id, character, family, present: true, trigger_word: word, step: 1 }) as Lora
  const people = [person('ada'), person('bob', 'b1'), person('cy'), person('dee')]
  const loras = [version('a1', 'ada'), version('b2', 'bob'), version('b1', 'bob'), version('c1', 'cy', 'flux1-dev'), { ...version('d1', 'dee'), present: false }]
  const first = { name: 'ADA', lora: loras[0]! }

  it('can be in one picture where a LoRA of its base model is there', () => {
    expect(candidateOf('bob', people, loras, 'mini')).toMatchObject({ hindrance: '', loras: [{ id: 'b2' }, { id: 'b1' }] })
    expect(candidateOf('cy', people, loras, 'mini')).toMatchObject({ hindrance: 'otherModel', other: 'flux1-dev' })
    expect(candidateOf('dee', people, loras, 'mini').hindrance).toBe('untrained')
    expect(candidateOf('eve', people, loras, 'mini')).toMatchObject({ hindrance: 'gone', name: 'eve' })
  })

  it('have the version and strength that were wished, else their own', () => {
    const of = (lora: string, strength: number | null): unknown => companionsOf([{ character: 'bob', lora, strength }], first, people, loras)[0]
    expect(of('', null)).toMatchObject({ lora: { id: 'b1' }, strength: 0.8, sameWord: '' })
    expect(of('b2', 0)).toMatchObject({ lora: { id: 'b2' }, strength: 0 })
    expect(of('deleted', null)).toMatchObject({ lora: { id: 'b1' } })
  })

  it('are warned of where two have one trigger word', () => {
    const same = companionsOf([{ character: 'bob', lora: '', strength: null }], first, people, [loras[0]!, version('b', 'bob', 'mini', 'Ada')])
    expect(same[0]!.sameWord).toBe('ADA')
  })

  it('stand in front of the prompt, or where somebody wrote their word', () => {
    const both = [{ word: 'ohwx', classWord: 'woman' }, { word: 'sks', classWord: 'man' }]
    expect(introduced(' at sea ', both)).toBe('{trigger} woman and sks man, at sea')
    expect(introduced('', both)).toBe('{trigger} woman and sks man')
    expect(introduced('hugging sks', both)).toBe('{trigger} woman, hugging sks')
    expect(introduced('sks left of ohwx', both)).toBe('sks left of ohwx')
    expect(introduced('desks', both)).toBe('{trigger} woman and sks man, desks')
    expect(introduced('x', [{ word: '', classWord: 'dog' }])).toBe('dog, x')
    for (const prompt of ['at sea', '', 'hugging sks', 'sks left of ohwx', 'a (b) and c']) expect(withoutIntroduction(introduced(prompt, both), both)).toBe(prompt)
    expect(withoutIntroduction('{trigger} woman and her dog', both)).toBe('woman and her dog')
    expect(readable('{trigger} woman and sks man, desks', [{ word: 'ohwx', name: 'Ada' }, { word: 'sks', name: 'Bob $&' }])).toBe('Ada woman and Bob $& man, desks')
  })

  it('are asked for, made again and taken over from either side', () => {
    const draft = { ...emptyDraft(), prompt: 'at sea', also: [{ character: 'bob', lora: '', strength: 0.5 }] }
    const others = companionsOf(draft.also, first, people, loras)
    const wish = wishOf(draft, { character: 'ada', classWord: 'woman', lora: loras[0]!, strength: 1, others, generator: '' })
    expect(wish).toMatchObject({ prompt: '{trigger} woman and bob man, at sea', also: [{ character: 'bob', lora: 'b1', strength: 0.5 }] })

    const used = [
      { character: 'ada', lora: 'a1', strength: 1, trigger_word: 'ada', class_word: 'woman' },
      { character: 'bob', lora: 'b1', strength: 0.5, trigger_word: 'bob', class_word: 'man' },
    ]
    const picture = { prompt: wish.prompt, settings: { prompt: wish.prompt, loras: used } } as unknown as Picture
    const twice = again(picture, 'same', (id) => id !== 'b1')
    expect(twice).toMatchObject({ character: 'ada', lora: 'a1', strength: 1, also: [{ character: 'bob', strength: 0.5 }] })
    expect(twice.also![0]).not.toHaveProperty('lora')
    expect(textOf(picture, (id) => id.toUpperCase())).toBe('ADA woman and BOB man, at sea')
    expect(factsOf(picture, { t: ((key: string) => key) as never, named: (_key, otherwise) => otherwise }, (id) => id).slice(0, 2).map(({ label }) => label)).toEqual(['ada', 'bob'])

    takeOver(draft, twice, usesOf(picture), 'bob')
    expect(draft).toMatchObject({ prompt: 'at sea', strength: 0.5, also: [{ character: 'ada', lora: 'a1', strength: 1 }] })
    takeOver(draft, { prompt: '{trigger} woman hugs bob' }, usesOf(picture), 'bob')
    expect(draft.prompt).toBe('woman hugs bob')
  })
})
