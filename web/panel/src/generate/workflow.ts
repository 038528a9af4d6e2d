/** A picture's graph: opened on ComfyUI's canvas where there is one, else saved as a file that ComfyUI opens. */

import { part, type Request } from '../api/request'
import type { Graph, Picture } from '../api/types'
import type { Host } from '../host'

/** The embedded model's node takes one character; FLUX's graphs take any number. */
export const hasWorkflow = ({ settings }: Pick<Picture, 'settings'>): boolean =>
  !!settings.family && (settings.family !== 'mini' || !Array.isArray(settings.loras) || settings.loras.length < 2)

/** What became of it: it stands on the canvas, or it was saved. */
export async function openWorkflow(picture: Picture, request: Request, host: Host): Promise<'opened' | 'saved'> {
  const graph = await request<Graph>('GET', `/gallery/${part(picture.id)}/graph`)
  if (host.openWorkflow) {
    await host.openWorkflow(graph.prompt, graph.name)
    return 'opened'
  }
  save(`${graph.name.replaceAll(/[^\w.-]+/g, '-')}.json`, graph.prompt)
  return 'saved'
}

function save(name: string, content: unknown): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(new Blob([JSON.stringify(content, null, 2)], { type: 'application/json' }))
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href))
}
