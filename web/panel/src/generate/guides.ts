/** What else can steer a picture: the inputs of each guide, and what of them is sent. Plain functions. */

import type { NewGeneration } from '../api/types'

/** A picture that was handed in to steer by. */
export interface GuidePicture {
  /** What the server calls it. */
  id: string
  name: string
  /** Where it can be shown from; empty: only its name is known. */
  url: string
}

export const KINDS = ['canny', 'depth', 'pose'] as const
export const IMAGE_METHODS = ['redux', 'ip-adapter'] as const
export const UPSCALE_METHODS = ['model', 'tiled'] as const

export interface Guides {
  controlnet: { on: boolean; picture: GuidePicture | null; kind: (typeof KINDS)[number]; strength: number; start: number; end: number }
  image_prompt: { on: boolean; picture: GuidePicture | null; method: (typeof IMAGE_METHODS)[number]; strength: number }
  face_detailer: { on: boolean; denoise: number }
  upscale: { on: boolean; factor: number; method: (typeof UPSCALE_METHODS)[number] }
}

export const TOGGLES = ['controlnet', 'image_prompt', 'face_detailer', 'upscale'] as const
export type Toggle = (typeof TOGGLES)[number]

export const noGuides = (): Guides => ({
  controlnet: { on: false, picture: null, kind: 'canny', strength: 0.6, start: 0, end: 0.8 },
  image_prompt: { on: false, picture: null, method: 'redux', strength: 0.7 },
  face_detailer: { on: false, denoise: 0.4 },
  upscale: { on: false, factor: 2, method: 'model' },
})

/** Guides that are on and lack their picture. */
export const incomplete = (guides: Guides): Toggle[] =>
  (['controlnet', 'image_prompt'] as const).filter((name) => guides[name].on && !guides[name].picture)

export const countOn = (guides: Guides): number => TOGGLES.filter((name) => guides[name].on).length

/** What of the guides is sent: those that are on and complete. */
export function bodyOf({ controlnet, image_prompt, face_detailer, upscale }: Guides): NewGeneration {
  const body: NewGeneration = {}
  if (controlnet.on && controlnet.picture) {
    const { kind, strength, start, end } = controlnet
    body.controlnet = { guide: controlnet.picture.id, kind, strength, start, end }
  }
  if (image_prompt.on && image_prompt.picture) {
    body.image_prompt = { guide: image_prompt.picture.id, method: image_prompt.method, strength: image_prompt.strength }
  }
  if (face_detailer.on) body.face_detailer = { denoise: face_detailer.denoise }
  if (upscale.on) body.upscale = { factor: upscale.factor, method: upscale.method }
  return body
}

/** The guide that a picture's settings name by its file, as `guide-….png`; empty if it is none. */
export const guideOfFile = (file: unknown): string => (typeof file === 'string' ? (/(guide-[0-9a-f]+)\.png$/.exec(file)?.[1] ?? '') : '')
