/** The report as a list of things to do: findings of one kind together, worst first, each with the repair that does it. */

import type { CaptionFinding, Finding, Report } from '../api/types'

export type Repair =
  | { kind: 'reject' }
  | { kind: 'crop_face' }
  | { kind: 'captions'; edit: Record<string, unknown> }
  | { kind: 'write' }
  | { kind: 'describe' }

export interface Group {
  key: string
  /** Of a finding on photos or captions; names its title. */
  code: string
  about: 'photos' | 'captions'
  level: 'bad' | 'look' | 'note'
  message: string
  /** Of the first photo, for a sentence in another language than the server's. */
  measured: number | null
  threshold: number | null
  subject: string
  photos: string[]
  /** By photo: the other that it is a copy of. */
  twins: Record<string, string>
  repair: Repair | null
  /** What a person can do that no button does. */
  advice: 'upscale' | 'use_original' | null
}

const WORST = ['bad', 'look', 'note'] as const
const LEVELS: Record<string, Group['level']> = { reject: 'bad', warn: 'look', info: 'note' }

/** The first repair of a finding that a button can do. */
function repairOf(finding: Finding): Repair | null {
  for (const name of finding.repairs) {
    if (name === 'crop_face') return { kind: 'crop_face' }
    if (name === 'reject' || name === 'remove_duplicate') return { kind: 'reject' }
  }
  return null
}

function photoGroups(report: Report, aside: ReadonlySet<string>): Group[] {
  const groups = new Map<string, Group>()
  for (const [file, findings] of Object.entries(report.findings)) {
    if (aside.has(file)) continue
    for (const finding of findings) {
      const level = LEVELS[finding.level]
      if (!level) continue
      const key = `${finding.code}/${level}`
      const known = groups.get(key)
      const [twin] = finding.others
      if (known) {
        known.photos.push(file)
        if (twin) known.twins[file] = twin
        continue
      }
      const advice = finding.repairs.includes('use_original') ? 'use_original' : finding.repairs.includes('upscale') ? 'upscale' : null
      groups.set(key, {
        key, code: finding.code, about: 'photos', level, message: finding.message, measured: finding.measured, threshold: finding.threshold, subject: '', photos: [file], twins: twin ? { [file]: twin } : {},
        repair: repairOf(finding), advice,
      })
    }
  }
  return [...groups.values()]
}

function captionGroup(finding: CaptionFinding, place: number): Group {
  return {
    key: `caption/${finding.code}/${place}`,
    code: finding.code,
    about: 'captions',
    level: LEVELS[finding.level] ?? 'note',
    message: finding.message,
    measured: null,
    threshold: null,
    subject: finding.subject,
    photos: finding.photos,
    twins: {},
    repair: finding.code === 'empty' ? { kind: 'describe' } : finding.repair ? { kind: 'captions', edit: finding.repair } : { kind: 'write' },
    advice: null,
  }
}

/** All findings of photos that are used, grouped; worst first, then those that concern most photos. */
export function groupsOf(report: Report, aside: ReadonlySet<string>): Group[] {
  return [...photoGroups(report, aside), ...report.captions.findings.map(captionGroup)].sort(
    (one, other) => WORST.indexOf(one.level) - WORST.indexOf(other.level) || other.photos.length - one.photos.length,
  )
}

/** "18 photos are good, 3 need a look": photos with a finding that asks for something, and those without. */
export function counts(report: Report, used: readonly string[]): { good: number; look: number } {
  const asks = (file: string): boolean => (report.findings[file] ?? []).some(({ level }) => level === 'reject' || level === 'warn')
  const look = used.filter(asks).length
  return { good: used.length - look, look }
}
