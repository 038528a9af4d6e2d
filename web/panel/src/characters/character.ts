/** One character with all that decides where it stands, kept fresh by the live stream. */

import { computed, inject, provide, type ComputedRef, type InjectionKey } from 'vue'

import { useLoading, useSoon, type Loading } from '../api/loadable'
import { part, type Request } from '../api/request'
import type { Character, Job, JobList, Lora, PhotoList, PicturePage } from '../api/types'
import { useEvent, usePanel } from '../app/context'
import { isWorking, type Facts } from '../app/steps'
import { badgeOf } from '../photos/photos'

export interface CharacterState {
  character: Character
  jobs: Job[]
  loras: Lora[]
  facts: Facts
  /** The newest picture's id; empty for none. */
  latestPicture: string
}

/** Photos are asked for with the worst first, so that one page knows all that need a look, but for absurd numbers. */
const WORST = { limit: 500, rejected: false, sort: 'findings', descending: true }

async function load(request: Request, id: string): Promise<CharacterState> {
  const [character, photos, jobs, loras, gallery] = await Promise.all([
    request<Character>('GET', `/characters/${part(id)}`),
    request<PhotoList>('GET', `/characters/${part(id)}/images`, { query: WORST }),
    request<JobList>('GET', '/jobs', { query: { character: id, limit: 50 } }),
    request<{ loras: Lora[] }>('GET', '/loras', { query: { character: id } }),
    request<PicturePage>('GET', '/gallery', { query: { character: id, limit: 1 } }),
  ])
  const all = jobs.jobs
  const working = all.find((job) => isWorking(job)) ?? all.find((job) => job.state !== 'done') ?? null
  const newest = all[0]
  const flagged = photos.photos.filter((photo) => ['look', 'bad'].includes(badgeOf(photo))).length
  return {
    character,
    jobs: all,
    loras: loras.loras.filter((lora) => lora.present),
    latestPicture: gallery.pictures[0]?.id ?? '',
    facts: {
      photos: photos.total,
      used: photos.total,
      flagged,
      seen: seenReport(id) >= flagged,
      job: working && (isWorking(working) || working === newest) ? working : null,
      trained: all.some((job) => job.state === 'done'),
      loras: loras.loras.length,
      picked: character.lora !== '',
      pictures: gallery.total,
    },
  }
}

/** An upload of many photos tells of each. */
const SOON_MS = 400
const SEEN = 'isengard.report.'

/** How many photos needed a look when this browser last showed the report; -1 if it never did. */
const seenReport = (id: string): number => Number(localStorage.getItem(SEEN + id) ?? -1)

/** The report was looked at. */
export const rememberReport = (id: string, flagged: number): void => localStorage.setItem(SEEN + id, String(flagged))

export interface CurrentCharacter extends Loading<CharacterState> {
  id: string
  state: ComputedRef<CharacterState | null>
}

const CURRENT: InjectionKey<CurrentCharacter> = Symbol('character')

/** Loads a character and provides it to the steps inside. */
export function provideCharacter(id: string): CurrentCharacter {
  const { request } = usePanel()
  const loading = useLoading(() => load(request, id))
  const soon = useSoon(loading.reload, SOON_MS)
  useEvent('library', (data) => {
    if ((data.characters as string[] | undefined)?.includes(id) ?? true) soon()
  })
  useEvent(['jobs', 'queue', 'gallery', 'reset'], soon)
  useEvent('job', (data) => {
    if (data.type === 'state') soon()
  })
  useEvent('generation', (data) => {
    if (data.type === 'picture') soon()
  })
  const current: CurrentCharacter = {
    ...loading,
    id,
    state: computed(() => ('data' in loading.value.value ? loading.value.value.data : null)),
  }
  provide(CURRENT, current)
  return current
}

export function useCharacter(): CurrentCharacter {
  const current = inject(CURRENT)
  if (!current) throw new Error('This step stands outside of a character.')
  return current
}
