/** What a picture's settings become when somebody wants it again, or another of its kind. Plain functions. */

import type { NewGeneration, Picture } from '../api/types'
import { ASPECTS } from './aspects'
import { guideOfFile } from './guides'

type Settings = Record<string, unknown>
const text = (value: unknown, otherwise: string): string => (typeof value === 'string' ? value : otherwise)
const isRecord = (value: unknown): value is Settings => typeof value === 'object' && value !== null

/** The guide's part of a request, with the picture's file as the guide that it was. */
function guided(value: unknown): Settings | null {
  if (!isRecord(value)) return null
  const { image, ...rest } = value
  const guide = guideOfFile(image)
  return guide ? { ...rest, guide } : null
}

/** Id of the LoRA that a picture was made with; empty if nobody knows. */
export function loraOf(picture: Pick<Picture, 'settings'>): string {
  const [use] = (picture.settings.loras as { lora?: string }[] | undefined) ?? []
  return use?.lora ?? ''
}

/** The request that makes a picture again: with its seed the same, without it another of its kind. */
export function again(picture: Pick<Picture, 'prompt' | 'settings'>, character: string, how: 'same' | 'vary'): NewGeneration {
  const { settings } = picture
  const [use] = (settings.loras as { strength?: number }[] | undefined) ?? []
  const body: Settings = {
    prompt: text(settings.prompt, picture.prompt),
    character,
    aspect: ASPECTS.find((one) => one === settings.aspect) ?? '1:1',
    count: 1,
  }
  for (const name of ['width', 'height', 'steps', 'guidance'] as const) if (typeof settings[name] === 'number') body[name] = settings[name]
  for (const name of ['face_detailer', 'upscale'] as const) if (isRecord(settings[name])) body[name] = settings[name]
  for (const name of ['controlnet', 'image_prompt'] as const) {
    const guide = guided(settings[name])
    if (guide) body[name] = guide
  }
  if (typeof settings.generator === 'string') body.generator = settings.generator
  if (typeof use?.strength === 'number') body.strength = use.strength
  if (how === 'same' && typeof settings.seed === 'number') body.seed = settings.seed
  return body as NewGeneration
}
