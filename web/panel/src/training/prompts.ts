/** Sample prompts as people read them. Plain functions. */

/** A prompt with the trigger word in its place. */
export const readable = (prompt: string, trigger: string): string => prompt.replaceAll('{trigger}', trigger)

/** What sets a prompt apart, without the words that all begin with; `without` stands before one that names nobody. */
export function heading(prompt: string, without: string, trigger: string): string {
  const rest = prompt.replace(/^\{trigger\} ?[\w-]*,? */, '')
  return prompt.includes('{trigger}') ? rest || readable(prompt, trigger) : `${without} ${rest}`
}
