/** Where each character stands, for its card: asked for all at once. */

import { computed, type ComputedRef } from 'vue'

import { useLoading, useSoon } from '../api/loadable'
import type { Character, Job, JobList, Lora, Picture, PicturePage } from '../api/types'
import { useEvent, usePanel } from '../app/context'
import { isWorking } from '../app/steps'
import type { Key } from '../i18n/words'

export interface Standing {
  /** Of a chip: its colour and its words. */
  kind: '' | 'training' | 'paused' | 'failed' | 'done'
  key: Key
  values: Record<string, number>
  /** The latest picture's id; empty for none. */
  latest: string
}

/** What a character's card says; jobs and pictures come with the newest first. */
export function standingOf(character: Character, jobs: readonly Job[], loras: readonly Lora[], pictures: readonly Picture[]): Standing {
  const own = jobs.filter((job) => job.character === character.id)
  const [newest] = own
  const latest = pictures.find(({ characters }) => characters.includes(character.id))?.id ?? ''
  const say = (kind: Standing['kind'], key: Key, values: Record<string, number> = {}): Standing => ({ kind, key, values, latest })
  if (own.some(isWorking)) return say('training', own.some(({ state }) => state === 'training') ? 'state.training' : 'card.waits')
  if (newest && (newest.state === 'paused' || newest.state === 'interrupted')) return say('paused', `state.${newest.state}`)
  if (newest?.state === 'failed') return say('failed', 'card.failed')
  if (loras.some((lora) => lora.character === character.id && lora.present)) return say('done', 'card.trained')
  if (character.photos === 0) return say('', 'card.noPhotos')
  return say('', 'photos.count', { n: character.photos })
}

const SOON_MS = 500
const PICTURES = 200

/** Standing by character; empty until it is known, and where it can't be told: a card does without. */
export function useOverview(characters: () => readonly Character[]): ComputedRef<Map<string, Standing>> {
  const { request } = usePanel()
  const found = useLoading(async () => {
    const [jobs, loras, gallery] = await Promise.all([
      request<JobList>('GET', '/jobs', { query: { limit: 200 } }),
      request<{ loras: Lora[] }>('GET', '/loras'),
      request<PicturePage>('GET', '/gallery', { query: { limit: PICTURES } }),
    ])
    return { jobs: jobs.jobs, loras: loras.loras, pictures: gallery.pictures }
  })
  const soon = useSoon(found.reload, SOON_MS)
  useEvent(['jobs', 'gallery', 'reset'], soon)
  useEvent('job', (data) => {
    if (data.type === 'state') soon()
  })
  useEvent('generation', (data) => {
    if (data.type === 'picture') soon()
  })
  return computed(() => {
    const now = found.value.value
    if (!('data' in now)) return new Map()
    const { jobs, loras, pictures } = now.data
    return new Map(characters().map((one) => [one.id, standingOf(one, jobs, loras, pictures)]))
  })
}
