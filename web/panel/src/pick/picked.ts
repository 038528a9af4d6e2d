/** Which LoRA somebody chose for a character, remembered in this browser: the server knows the latest only. */

const key = (character: string): string => `isengard.lora.${character}`

/** The chosen LoRA's id; empty if none was chosen. */
export function pickedLora(character: string): string {
  return localStorage.getItem(key(character)) ?? ''
}

export function rememberLora(character: string, lora: string): void {
  localStorage.setItem(key(character), lora)
}
