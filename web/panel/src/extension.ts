/** ComfyUI's door: the sidebar tab, commands, a shortcut and settings. The panel itself is loaded when first opened. */

import { app } from '../../scripts/app.js'

import type { Host } from './host'
import type { Mounted } from './panel'

const files = import.meta.url.replace(/[^/]*$/, '')
const TAB = 'isengard'
let mounted: Mounted | null = null

function host(): Host {
  return {
    kind: 'comfyui',
    base: new URL('../../api/isengard', files).pathname,
    files,
    addresses: 'memory',
    notify: (summary, detail) => app.extensionManager.toast.add({ severity: 'info', summary, detail, life: 6000 }),
  }
}

async function render(element: HTMLElement): Promise<void> {
  // The name is not written as an import, so that no bundler pulls the panel into what every page of ComfyUI loads.
  const { mountPanel } = (await import(/* @vite-ignore */ `${files}panel.mjs`)) as typeof import('./panel')
  mounted?.unmount()
  mounted = mountPanel(element, host())
}

function openPage(): void {
  window.open(new URL('../../isengard', files).href, '_blank', 'noopener')
}

app.registerExtension({
  name: 'isengard.panel',
  commands: [
    {
      id: 'isengard.open',
      label: 'Isengard: open the panel',
      icon: 'pi pi-user',
      function: () => app.extensionManager.command.execute(`Workspace.ToggleSidebarTab.${TAB}`),
    },
    { id: 'isengard.openPage', label: 'Isengard: open the full page', icon: 'pi pi-external-link', function: openPage },
  ],
  keybindings: [{ combo: { key: 'i', alt: true, shift: true }, commandId: 'isengard.open' }],
  menuCommands: [{ path: ['Isengard'], commands: ['isengard.open', 'isengard.openPage'] }],
  settings: [
    {
      id: 'isengard.language',
      name: 'Language of the panel',
      category: ['Isengard', 'Panel', 'Language'],
      type: 'combo',
      defaultValue: 'auto',
      options: ['auto', 'en', 'de', 'zh', 'ar'],
      onChange: (value: string) => localStorage.setItem('isengard.language', value),
    },
  ],
  setup() {
    app.extensionManager.registerSidebarTab({
      id: TAB,
      icon: 'pi pi-user',
      title: 'Isengard',
      tooltip: 'Isengard: characters from photos',
      type: 'custom',
      render: (element: HTMLElement) => void render(element),
      destroy: () => {
        mounted?.unmount()
        mounted = null
      },
    })
  },
})
