/** The door of the page: the standalone host's `/` and `/isengard`, and ComfyUI's `/isengard`. */

import { baseFor } from './host'
import { mountPanel } from './panel'

const element = document.getElementById('isengard')
if (element) {
  mountPanel(element, {
    kind: 'page',
    base: baseFor(import.meta.url),
    files: import.meta.url.replace(/[^/]*$/, ''),
    addresses: 'hash',
  })
}
