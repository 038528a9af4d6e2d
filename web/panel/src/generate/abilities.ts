/** What a generator can do, and what has to be got before it can do more. Plain functions. */

import type { Ability, Generator } from '../api/types'
import type { Toggle } from './guides'

export type Choice = Ability['choices'][number]

/** The generator that is used: the one that somebody chose, else the first that is ready, else the first. */
export function generatorOf(generators: readonly Generator[], chosen = ''): Generator | null {
  return generators.find(({ name }) => name === chosen) ?? generators.find(({ ready }) => ready) ?? generators[0] ?? null
}

export function abilityOf(generator: Generator | null, name: Toggle): Ability {
  return generator?.toggles.find((toggle) => toggle.name === name) ?? { name, ready: false, reason: '', said: { code: '', message: '', values: {} }, get: [], choices: [] }
}

/** Whether one way of a toggle can be taken; what is not told apart can. */
export const canChoose = (ability: Ability, choice: string): boolean => ability.choices.find(({ name }) => name === choice)?.ready ?? true

/** Ways that can't be taken, each with its reason. */
export const closedWays = (ability: Ability): Choice[] => ability.choices.filter(({ ready }) => !ready)

/** The way that is taken: the wanted one where it can be, else the first that can. */
export const wayFor = <T extends string>(ability: Ability, wanted: T, all: readonly T[]): T =>
  canChoose(ability, wanted) ? wanted : (all.find((one) => canChoose(ability, one)) ?? wanted)
