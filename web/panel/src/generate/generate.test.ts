import { describe, expect, it } from 'vitest'

import type { Generation, Generator, Picture } from '../api/types'
import { abilityOf, canChoose, closedWays, generatorOf, linkOf, wayFor } from './abilities'
import { again, loraOf } from './again'
import { ASPECTS, drawing } from './aspects'
import { draftFrom, emptyDraft, takeOver, wishOf } from './draft'
import { factsOf } from './facts'
import { advanced, charactersOf, made, mayPreview } from './following'
import { bodyOf, countOn, incomplete, noGuides } from './guides'

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
        prompt: '{trigger} p', seed: 5, aspect: '3:4', width: 96, height: 128, steps: 9, guidance: 2, generator: 'comfyui', loras: [{ lora: 'l', strength: 0.7 }],
        controlnet: { image: 'guide-0123456789abcdef.png', kind: 'pose', strength: 0.5 }, image_prompt: { image: 'elsewhere.png' }, upscale: { factor: 2 }, face_detailer: null,
      },
    } as unknown as Picture
    expect(again(picture, 'ada', 'same')).toEqual({
      prompt: '{trigger} p', character: 'ada', aspect: '3:4', width: 96, height: 128, count: 1, steps: 9, guidance: 2, generator: 'comfyui', strength: 0.7, seed: 5,
      controlnet: { guide: 'guide-0123456789abcdef', kind: 'pose', strength: 0.5 }, upscale: { factor: 2 },
    })
    expect(again(picture, 'ada', 'vary')).not.toHaveProperty('seed')
    expect(loraOf(picture)).toBe('l')
    expect(factsOf(picture.settings, { t: ((key: string) => key) as never })).toContainEqual({ label: 'guide.controlnet', value: 'pose, strength 0.5' })
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
    expect(linkOf('x.org/y')).toBe('https://x.org/y')
  })
})

describe('a draft', () => {
  const who = { character: 'ada', classWord: 'woman', lora: 'l', strength: 0.9, generator: 'diffusers' }

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
    takeOver(draft, { prompt: '{trigger} woman, smiling', aspect: '3:4', count: 1, seed: 5, strength: 0.7 }, 'woman')
    expect(draft).toMatchObject({ prompt: 'smiling', aspect: '3:4', seed: '5', strength: 0.7, steps: '' })
  })
})
