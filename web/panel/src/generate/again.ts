/** What a picture's settings become when somebody wants it again, or another of its kind. Plain functions. */

import type { NewGeneration, Picture } from '../api/types'
import { ASPECTS } from './aspects'
import { guideOfFile } from './guides'
import type { Named } from './wording'

type Settings = Record<string, unknown>
const text = (value: unknown, otherwise: string): string => (typeof value === 'string' ? value : otherwise)
const isRecord = (value: unknown): value is Settings => typeof value === 'object' && value !== null

/** Somebody in a picture, with the LoRA that was used. */
export interface Use extends Named {
  character: string
  lora: string
  strength: number | null
}

/** Everybody in a picture, the one whose trigger word the prompt's placeholder means first. */
export function usesOf({ settings }: Pick<Picture, 'settings'>): Use[] {
  const loras = Array.isArray(settings.loras) ? settings.loras.filter(isRecord) : []
  return loras.map((use) => ({
    character: text(use.character, ''),
    lora: text(use.lora, ''),
    strength: typeof use.strength === 'number' ? use.strength : null,
    word: text(use.trigger_word, ''),
    classWord: text(use.class_word, ''),
  }))
}

/** The guide's part of a request, with the picture's file as the guide that it was. */
function guided(value: unknown): Settings | null {
  if (!isRecord(value)) return null
  const { image, ...rest } = value
  const guide = guideOfFile(image)
  return guide ? { ...rest, guide } : null
}

/** Somebody's part of a request, with the LoRA that was used as long as that is there. */
function wanted({ character, lora, strength }: Use, isThere: (lora: string) => boolean): Settings {
  return { character, ...(lora && isThere(lora) ? { lora } : {}), ...(strength === null ? {} : { strength }) }
}

/** The request that makes a picture again: with its seed the same, without it another of its kind. */
export function again(picture: Pick<Picture, 'prompt' | 'settings'>, how: 'same' | 'vary', isThere: (lora: string) => boolean): NewGeneration {
  const { settings } = picture
  const [first, ...others] = usesOf(picture)
  const body: Settings = {
    prompt: text(settings.prompt, picture.prompt),
    aspect: ASPECTS.find((one) => one === settings.aspect) ?? '1:1',
    count: 1,
    ...(first ? wanted(first, isThere) : {}),
  }
  if (others.length) body.also = others.map((use) => wanted(use, isThere))
  for (const name of ['width', 'height', 'steps', 'guidance'] as const) if (typeof settings[name] === 'number') body[name] = settings[name]
  for (const name of ['face_detailer', 'upscale'] as const) if (isRecord(settings[name])) body[name] = settings[name]
  for (const name of ['controlnet', 'image_prompt'] as const) {
    const guide = guided(settings[name])
    if (guide) body[name] = guide
  }
  if (typeof settings.generator === 'string') body.generator = settings.generator
  if (how === 'same' && typeof settings.seed === 'number') body.seed = settings.seed
  return body as NewGeneration
}
