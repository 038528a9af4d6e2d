/** What differs between the two doors: ComfyUI's sidebar and the page of its own. */

export interface Host {
  kind: 'comfyui' | 'page'
  /** Where the API begins, e.g. `/isengard`, without a slash at the end. */
  base: string
  /** Folder of the panel's own files, with a slash at the end. */
  files: string
  /** `hash`: the address bar is ours. `memory`: it belongs to somebody else. */
  addresses: 'hash' | 'memory'
  /** Loads a workflow into ComfyUI's canvas, where there is one. */
  openWorkflow?: (workflow: unknown) => Promise<void>
  /** A message in ComfyUI's own way, where there is one. */
  notify?: (summary: string, detail: string) => void
}

/** Where the API is, seen from the panel's own module: behind `/api` in ComfyUI, beside it in the standalone host. */
export function baseFor(module: string): string {
  const way = module.includes('/extensions/') ? '../../api/isengard' : './isengard'
  return new URL(way, module).pathname
}
