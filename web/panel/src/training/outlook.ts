/** What a training would take on this machine: all three presets planned at once, and which one is recommended. */

import { computed, ref, watch, type ComputedRef, type Ref } from 'vue'

import { useLoading, type Loading } from '../api/loadable'
import type { Family, Plan, PresetList, PresetName, SystemInfo } from '../api/types'
import { useEvent, usePanel } from '../app/context'
import type { CurrentCharacter } from '../characters/character'
import type { Values } from './settings'

export const PRESETS: readonly PresetName[] = ['quick', 'balanced', 'high-quality']
const MANY = 25
const FEW = 10

export type BasePart = SystemInfo['base_models'][number]['parts'][number]
/** File names of base-model parts that somebody chose; what is left out is chosen by the server. */
export type ChosenFiles = Partial<Record<BasePart['part'], string>>

export interface Outlook {
  family: Family
  families: { family: Family; title: string; ready: boolean }[]
  /** Parts of the base model of which there is more than one file. */
  choices: BasePart[]
  presets: PresetList
  plans: Record<PresetName, Plan>
  onGpu: boolean
}

/** Recommended by photos and machine: enough good photos and a GPU for the best, few photos or little memory for the quick one. */
export function recommendedPreset({ family, plans, onGpu }: Pick<Outlook, 'family' | 'plans' | 'onGpu'>): PresetName {
  const roomy = (name: PresetName): boolean => !plans[name].cautions.some(({ code }) => code === 'MEMORY_SHORT')
  const count = plans.balanced.photos
  if (family === 'mini') return 'quick'
  if (count >= MANY && onGpu && roomy('high-quality')) return 'high-quality'
  return count < FEW || !roomy('balanced') ? 'quick' : 'balanced'
}

export interface Planning {
  outlook: Loading<Outlook>
  found: ComputedRef<Outlook | null>
  recommended: ComputedRef<PresetName>
  /** The base model that somebody chose; null: the machine decides. */
  wanted: Ref<Family | null>
  changes: Ref<Values>
  files: Ref<ChosenFiles>
  /** What the presets set by themselves, known from the plans before anything was changed. */
  defaults: Ref<Partial<Record<PresetName, Values>>>
}

export function usePlanning(current: CurrentCharacter): Planning {
  const { request } = usePanel()
  const wanted = ref<Family | null>(null)
  const changes = ref<Values>({})
  const files = ref<ChosenFiles>({})
  const defaults = ref<Partial<Record<PresetName, Values>>>({})

  /** The machine decides, unless somebody chose: the default model where it is ready, else practice on the embedded one. */
  function familyFor(system: SystemInfo): Family {
    if (wanted.value) return wanted.value
    const chosen = current.state.value?.character.family
    const known = system.base_models.find(({ family }) => family === chosen)
    if (known) return known.family
    const ready = system.base_models.find(({ family }) => family === system.default_family)?.ready
    return ready ? system.default_family : 'mini'
  }

  const planFor = (name: PresetName, family: Family): Promise<Plan> =>
    request<Plan>('POST', '/training/plan', { body: { character: current.id, preset: name, family, settings: changes.value, base: files.value } })

  const outlook = useLoading<Outlook>(async () => {
    const system = await request<SystemInfo>('GET', '/system')
    const family = familyFor(system)
    const [presets, ...plans] = await Promise.all([
      request<PresetList>('GET', '/presets', { query: { family } }),
      ...PRESETS.map((name) => planFor(name, family)),
    ])
    return {
      family,
      families: system.base_models.map(({ family: one, title, ready }) => ({ family: one, title, ready })),
      choices: system.base_models.find((one) => one.family === family)?.parts.filter((part) => part.files.length > 1) ?? [],
      presets: presets as PresetList,
      plans: Object.fromEntries(PRESETS.map((name, place) => [name, plans[place]])) as Record<PresetName, Plan>,
      onGpu: system.gpus.length > 0,
    }
  })
  watch([wanted, changes, files], () => void outlook.reload())
  watch(outlook.value, (now) => {
    if ('data' in now && Object.keys(changes.value).length === 0) {
      defaults.value = Object.fromEntries(PRESETS.map((name) => [name, now.data.plans[name].settings ?? {}]))
    }
  })
  useEvent('library', (data) => {
    if ((data.characters as string[] | undefined)?.includes(current.id)) void outlook.reload()
  })
  useEvent('reset', () => void outlook.reload())

  const found = computed(() => ('data' in outlook.value.value ? outlook.value.value.data : null))
  const recommended = computed<PresetName>(() => (found.value ? recommendedPreset(found.value) : 'balanced'))
  return { outlook, found, recommended, wanted, changes, files, defaults }
}
