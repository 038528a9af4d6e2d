/** How characters stand in a prompt: their trigger words in front, or where somebody has written them. Plain functions. */

/** A character as a prompt names it. */
export interface Named {
  /** The trigger word. */
  word: string
  classWord: string
}

const PLACEHOLDER = '{trigger}'
const escaped = (text: string): string => text.replaceAll(/[$()*+.?[\\\]^{|}/]/g, String.raw`\$&`)
/** A word that stands alone, as the server looks for it. */
const alone = (word: string): RegExp => new RegExp(String.raw`(?<![\p{L}\p{N}_])${escaped(word)}(?![\p{L}\p{N}_])`, 'gu')
const holds = (prompt: string, word: string): boolean => word !== '' && alone(word).test(prompt)
/** The first is told by the placeholder, so that a prompt outlives a change of its trigger word. */
const starts = (people: readonly Named[]): string[] => people.map(({ word, classWord }, at) => `${at || !word ? word : PLACEHOLDER} ${classWord}`.trim())

/** A prompt with everybody in front whose word somebody has not written into it: “{trigger} woman and sks man, at sea”. */
export function introduced(prompt: string, people: readonly Named[]): string {
  const rest = prompt.trim()
  const written = ({ word }: Named, at: number): boolean => holds(rest, word) || (at === 0 ? rest.includes(PLACEHOLDER) : word === '')
  const missing = starts(people).filter((_, at) => !written(people[at]!, at))
  return [missing.join(' and '), rest].filter(Boolean).join(', ')
}

/** What somebody wrote of a prompt that `introduced` has made; in others only the placeholder in front is taken away. */
export function withoutIntroduction(prompt: string, people: readonly Named[]): string {
  const any = starts(people).filter(Boolean).map(escaped).join('|')
  const introduction = new RegExp(`^(?:${any})(?: and (?:${any}))*(?:, |$)`)
  return introduction.test(prompt) ? prompt.replace(introduction, '') : prompt.replace(/^\{trigger\}[ ,]*/, '')
}

/** A prompt with names in place of trigger words, to be read. */
export function readable(prompt: string, people: readonly { word: string; name: string }[]): string {
  const first = prompt.replaceAll(PLACEHOLDER, () => people[0]?.name ?? '')
  return people.reduce((text, { word, name }) => (word ? text.replaceAll(alone(word), () => name) : text), first)
}
