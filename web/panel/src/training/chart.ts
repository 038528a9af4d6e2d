/** How the loss chart looks and which part of it is shown: plain functions around uPlot's options. */

import type uPlot from 'uplot'

/** Shown are all steps, the last share of them, or what somebody drew a frame around. */
export type Span = 'all' | 'half' | 'tenth' | 'own'
const SHARES = { all: 1, half: 0.5, tenth: 0.1 } as const

/** The first and last step to be shown; null where somebody chose by hand. */
export function shownRange(steps: readonly number[], span: Span): { min: number; max: number } | null {
  if (span === 'own') return null
  const first = steps[0] ?? 0
  const last = Math.max(steps.at(-1) ?? 0, first + 1)
  return { min: last - (last - first) * SHARES[span], max: last }
}

export interface Colors {
  text: string
  grid: string
  raw: string
  smoothed: string
}

export interface Look {
  width: number
  height: number
  logarithmic: boolean
  raw: boolean
  colors: Colors
  /** A number on an axis. */
  written: (value: number) => string
}

/** uPlot's options. `moved` is told the place of the pointer (null: none), `framed` that a frame was drawn. */
export function optionsFor(look: Look, moved: (place: number | null) => void, framed: () => void): uPlot.Options {
  const { text, grid, raw, smoothed } = look.colors
  const axis = { stroke: text, grid: { stroke: grid, width: 1 }, ticks: { show: false }, font: '11px system-ui' }
  const values: uPlot.Axis.DynamicValues = (_, ticks) => ticks.map((tick) => (tick == null ? '' : look.written(tick)))
  return {
    width: look.width,
    height: look.height,
    legend: { show: false },
    cursor: { drag: { x: true, y: false }, points: { size: 6 } },
    scales: { x: { time: false }, y: { distr: look.logarithmic ? 3 : 1 } },
    axes: [
      { ...axis, size: 26, values },
      { ...axis, size: 44, values },
    ],
    series: [
      {},
      { stroke: raw, width: 1, points: { show: false }, show: look.raw },
      { stroke: smoothed, width: 2, points: { show: false } },
    ],
    hooks: {
      setCursor: [(self) => moved(self.cursor.idx ?? null)],
      setSelect: [(self) => self.select.width > 0 && framed()],
    },
  }
}
