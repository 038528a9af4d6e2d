/** The seven shapes, as they are drawn. Plain functions. */

import type { Aspect } from '../api/types'

export const ASPECTS: readonly Aspect[] = ['1:1', '4:3', '3:4', '3:2', '2:3', '16:9', '9:16']

/** Width and height of the little drawing of a shape, so that all have the same area. */
export function drawing(aspect: Aspect, area = 400): { width: number; height: number } {
  const [wide = 1, high = 1] = aspect.split(':').map(Number)
  const unit = Math.sqrt(area / (wide * high))
  return { width: Math.round(wide * unit), height: Math.round(high * unit) }
}
