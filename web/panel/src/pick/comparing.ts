/** A comparison of checkpoints: asked for cell by cell, and put together from gallery and queue, so that it survives the page. */

import { computed, ref, watch, type ComputedRef, type Ref } from 'vue'

import { useLoading } from '../api/loadable'
import { part, type ApiError } from '../api/request'
import type { Generation, Job, KeptLora, Lora, Picture, PicturePage } from '../api/types'
import { useEvent, usePanel } from '../app/context'
import { cellsOf, wishFor, type Cell, type Question } from './compare'

export interface Comparing {
  steps: Ref<number[]>
  strengths: Ref<number[]>
  cells: ComputedRef<Cell[][]>
  /** Cells without a picture that nobody makes yet. */
  missing: ComputedRef<Cell[]>
  busy: Ref<boolean>
  /** Why it is not known what is there. */
  problem: ComputedRef<ApiError | undefined>
  reload(): void
  make(): Promise<void>
}

/**
 * `settle` runs before checkpoints are kept, which makes them the latest LoRAs: what pictures are made with must not change
 * by looking. `kept` runs afterwards.
 */
export function useComparing(
  character: string,
  job: ComputedRef<Job | null>,
  loras: ComputedRef<readonly Lora[]>,
  question: ComputedRef<Question | null>,
  settle: () => Promise<unknown>,
  kept: () => Promise<unknown>,
): Comparing {
  const { request, toasts } = usePanel()
  const steps = ref<number[]>([])
  const strengths = ref<number[]>([0.8, 1])
  const busy = ref(false)
  const loraOf = (step: number): string => loras.value.find((lora) => lora.job === job.value?.id && lora.step === step)?.id ?? ''

  const pictures = useLoading(async () => {
    const wanted = steps.value.map(loraOf).filter(Boolean)
    const pages = await Promise.all(wanted.map((lora) => request<PicturePage>('GET', '/gallery', { query: { lora, limit: 200 } })))
    return pages.flatMap((page): Picture[] => page.pictures)
  })
  const generations = useLoading(async () => (await request<{ generations: Generation[] }>('GET', '/generate')).generations)
  watch([steps, loras], () => void pictures.reload())
  useEvent(['gallery', 'reset'], () => void pictures.reload())
  useEvent(['generation', 'reset'], (data) => {
    if (data.type !== 'preview' && data.type !== 'progress') void generations.reload()
    if (data.type === 'picture') void pictures.reload()
  })

  const cells = computed(() => {
    if (!question.value) return []
    const found = 'data' in pictures.value.value ? pictures.value.value.data : []
    const open = 'data' in generations.value.value ? generations.value.value.data : []
    return cellsOf([...steps.value].sort((a, b) => a - b), [...strengths.value].sort((a, b) => a - b), question.value, loraOf, found, open)
  })
  const known = computed(() => 'data' in pictures.value.value && 'data' in generations.value.value)
  const missing = computed(() => (known.value ? cells.value.flat().filter(({ picture, making }) => !picture && !making) : []))
  const problem = computed(() => [pictures.value.value, generations.value.value].map((one) => ('error' in one ? one.error : undefined)).find(Boolean))

  async function loraFor(step: number): Promise<string> {
    const known = loraOf(step)
    if (known || !job.value) return known
    return (await request<KeptLora>('POST', `/training/${part(job.value.id)}/loras`, { body: { step } })).id
  }

  async function make(): Promise<void> {
    const wanted = missing.value
    const now = question.value
    if (!now) return
    busy.value = true
    await toasts.trying(async () => {
      await settle()
      const known = new Map<number, string>()
      for (const step of new Set(wanted.map((cell) => cell.step))) known.set(step, await loraFor(step))
      for (const { step, strength } of wanted) {
        await request('POST', '/generate', { body: wishFor(character, known.get(step) ?? '', strength, now) })
      }
      await kept()
      await generations.reload()
    })
    busy.value = false
  }

  const reload = (): void => void Promise.all([pictures.reload(), generations.reload()])
  return { steps, strengths, cells, missing, busy, problem, reload, make }
}
