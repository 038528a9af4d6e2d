/** The seven shapes, and what a picture's settings become when somebody wants it again. */

import type { Aspect, NewGeneration, Picture } from '../api/types'

export const ASPECTS: readonly Aspect[] = ['1:1', '4:3', '3:4', '3:2', '2:3', '16:9', '9:16']

/** Width and height of the little drawing of a shape, so that all have the same area. */
export function drawing(aspect: Aspect, area = 400): { width: number; height: number } {
  const [wide = 1, high = 1] = aspect.split(':').map(Number)
  const unit = Math.sqrt(area / (wide * high))
  return { width: Math.round(wide * unit), height: Math.round(high * unit) }
}

const text = (value: unknown, otherwise: string): string => (typeof value === 'string' ? value : otherwise)
const numeric = (value: unknown, otherwise: number): number => (typeof value === 'number' ? value : otherwise)

/** The request that makes a picture again: with its seed the same, without it another of its kind. */
export function again(picture: Picture, character: string, how: 'same' | 'vary'): NewGeneration {
  const { settings } = picture
  const loras = (settings.loras as { name?: string; id?: string; strength?: number }[] | undefined) ?? []
  const aspect = ASPECTS.find((one) => one === settings.aspect) ?? '1:1'
  const body: NewGeneration = {
    prompt: text(settings.prompt, picture.prompt),
    character,
    aspect,
    count: 1,
    steps: numeric(settings.steps, 20),
    guidance: numeric(settings.guidance, 3.5),
  }
  const strength = loras[0]?.strength
  if (typeof strength === 'number') body.strength = strength
  if (how === 'same' && typeof settings.seed === 'number') body.seed = settings.seed
  return body
}
