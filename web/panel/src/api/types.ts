/** Names for the bodies and answers that the panel uses; they are made from the server's OpenAPI document. */

import type { Said } from '../i18n/server'
import type { components } from './schema'

type Schemas = components['schemas']

export type Character = Schemas['CharacterOut']
export type CharacterList = Schemas['CharacterList']
export type NewCharacter = Schemas['NewCharacter']
export type Photo = Schemas['PhotoOut']
export type PhotoList = Schemas['PhotoList']
export type TriggerCheck = Schemas['TriggerOut']
export type Captioner = Schemas['CaptionerOut']
export type Captioning = Schemas['CaptioningOut']
export type PhotoKey = Schemas['Key']
export type Added = Schemas['AddedOut']
export type Upload = Schemas['UploadOut']
export type CaptionsOut = Schemas['CaptionsOut']
export type ReportOut = Schemas['ReportOut']
export type Plan = Schemas['PlanOut']
export type Repair = Schemas['Repair']
export type PresetList = Schemas['PresetList']
export type Preset = Schemas['PresetOut']
export type Setting = Schemas['SettingOut']
export type Family = NonNullable<Schemas['TrainingWish']['family']>
export type PresetName = NonNullable<Schemas['TrainingWish']['preset']>
export type Job = Schemas['JobOut']
export type JobList = Schemas['JobList']
export type JobState = Job['state']
export type Loss = Schemas['LossOut']
export type LogPage = Schemas['LogPage']
export type LogLine = Schemas['LogLine']
export type Artifact = Schemas['ArtifactOut']
export type Lora = Schemas['LoraOut']
export type Likeness = Schemas['LikenessOut']
export type KeptLora = Schemas['KeptLora']
export type Generation = Schemas['GenerationOut']
export type NewGeneration = Partial<Schemas['NewGeneration']>
export type Aspect = NonNullable<Schemas['NewGeneration']['aspect']>
export type Generator = Schemas['GeneratorOut']
export type Ability = Schemas['AbilityOut']
export type Graph = Schemas['GraphOut']
export type Picture = Schemas['PictureOut']
export type PicturePage = Schemas['PicturePage']
export type SystemInfo = Schemas['SystemOut']
export type PackList = Schemas['PackList']
export type TrashEntry = Schemas['EntryOut']

/** A finding on a photo, as library/report/finding.py writes it. */
export interface Finding {
  code: string
  level: 'reject' | 'warn' | 'info' | 'kept'
  message: string
  measured: number | null
  threshold: number | null
  unit: string | null
  others: string[]
  repairs: string[]
}

/** A finding on captions, as library/captions/linter.py writes it. */
export interface CaptionFinding {
  code: string
  level: 'reject' | 'warn' | 'info'
  message: string
  photos: string[]
  repair: Record<string, unknown> | null
  subject: string
}

export interface VarietyGroup {
  label: string
  count: number
  photos: string[]
}

export interface Variety {
  measured: boolean
  groups: VarietyGroup[]
  verdict: string
}

/** The photos together, as library/report/summary.py writes it. */
export interface SetReport {
  photos: number
  rejected: number
  usable: number
  flawed: number
  headline: string
  variety: Record<string, Variety>
  advice: Said[]
  not_measured: Said[]
  found: Record<string, number>
}

/** The report with its inner shapes named. */
export interface Report {
  photos: SetReport
  captions: { photos: number; written: number; findings: CaptionFinding[] }
  findings: Record<string, Finding[]>
  not_measured: Record<string, Said[]>
  waiting: string[]
}
