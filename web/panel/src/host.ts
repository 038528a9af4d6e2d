/** What differs between the two doors: ComfyUI's sidebar and the page of its own. */

/** What somebody set in ComfyUI's own dialog; the page goes by the defaults. */
export interface Preferences {
  /** How often a picture that is being made shows what it is becoming. */
  previews: 'each' | 'calm' | 'none'
}

export const DEFAULTS: Preferences = { previews: 'each' }

export interface Host {
  kind: 'comfyui' | 'page'
  /** Where the API begins, e.g. `/isengard`, without a slash at the end. */
  base: string
  /** Folder of the panel's own files, with a slash at the end. */
  files: string
  /** `hash`: the address bar is ours. `memory`: it belongs to somebody else. */
  addresses: 'hash' | 'memory'
  /** Loads a graph into ComfyUI's canvas, where there is one. */
  openWorkflow?: (prompt: unknown, name: string) => Promise<void>
  /** A message in ComfyUI's own way, where there is one. */
  notify?: (severity: 'success' | 'warn' | 'info', summary: string, detail: string) => void
  preferences?: () => Preferences
  /** The language of what is around, e.g. `zh`; it comes before the browser's. */
  language?: string
  /** Tells that somebody chose a language in the panel itself. */
  languageChosen?: (language: string) => void
}

/** Where the API is, seen from the panel's own module: behind `/api` in ComfyUI, beside it in the standalone host. */
export function baseFor(module: string): string {
  const way = module.includes('/extensions/') ? '../../api/isengard' : './isengard'
  return new URL(way, module).pathname
}
