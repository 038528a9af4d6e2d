/** ComfyUI's door: the sidebar tab, commands, a shortcut and settings. The panel itself is loaded when first opened. */

import { app } from '../../scripts/app.js'

import { LANGUAGE, NOTIFY, OPEN, PREVIEWS, settingsFor } from './comfyui/settings'
import type { Host, Preferences } from './host'
import type { Mounted } from './panel'

const files = import.meta.url.replace(/[^/]*$/, '')
const base = new URL('../../api/isengard', files).pathname
const TAB = 'isengard'
const TOGGLE = `Workspace.ToggleSidebarTab.${TAB}`

type Panel = typeof import('./panel')
let mounted: Mounted | null = null
let stopWatching: (() => void) | null = null

const setting = <T>(id: string): T => app.extensionManager.setting.get(id) as T

/** What was chosen for the panel, else the language of ComfyUI itself. */
function languageAround(): string {
  const chosen = setting<string>(LANGUAGE)
  return chosen && chosen !== 'auto' ? chosen : (setting<string | undefined>('Comfy.Locale') ?? '')
}

function host(): Host {
  return {
    kind: 'comfyui',
    base,
    files,
    addresses: 'memory',
    language: languageAround(),
    openWorkflow: (prompt, name) => app.loadApiJson(prompt, name),
    notify: (severity, summary, detail) => app.extensionManager.toast.add({ severity, summary, detail, life: 10_000 }),
    preferences: () => ({ previews: setting<Preferences['previews']>(PREVIEWS) }),
    languageChosen: (language) => void app.extensionManager.setting.set(LANGUAGE, language),
  }
}

/** The name is not written as an import, so that no bundler pulls the panel into what every page of ComfyUI loads. */
const load = (): Promise<Panel> => import(/* @vite-ignore */ `${files}panel.mjs`) as Promise<Panel>

/** ComfyUI may ask to render again into the same place, or take it away before the panel has come. */
async function render(element: HTMLElement): Promise<void> {
  const { mountPanel } = await load()
  stopWatching?.()
  stopWatching = null
  mounted?.unmount()
  element.style.height = '100%' // else the sidebar scrolls us as a whole, with the header, what runs and messages out of sight
  mounted = element.isConnected ? mountPanel(element, host()) : null
}

function destroy(): void {
  if (!mounted) return
  mounted.unmount()
  mounted = null
  if (setting<boolean>(NOTIFY)) void load().then((panel) => (stopWatching = mounted ? null : panel.watchTrainings(host())))
}

function openPage(): void {
  window.open(new URL('../../isengard', files).href, '_blank', 'noopener')
}

app.registerExtension({
  name: 'isengard.panel',
  commands: [
    { id: 'isengard.open', label: 'Isengard: open or close the panel', icon: 'pi pi-user', function: () => app.extensionManager.command.execute(TOGGLE) },
    { id: 'isengard.openPage', label: 'Isengard: open the full page', icon: 'pi pi-external-link', function: openPage },
  ],
  keybindings: [{ combo: { key: 'i', alt: true, shift: true }, commandId: 'isengard.open' }],
  menuCommands: [{ path: ['Isengard'], commands: ['isengard.open', 'isengard.openPage'] }],
  settings: settingsFor({ base, languageChosen: (value) => mounted?.useLanguage(value) }),
  setup() {
    app.extensionManager.registerSidebarTab({
      id: TAB,
      icon: 'pi pi-user',
      title: 'Isengard',
      tooltip: 'Isengard: characters from photos',
      type: 'custom',
      render: (element: HTMLElement) => void render(element),
      destroy,
    })
    if (setting<boolean>(OPEN)) void app.extensionManager.command.execute(TOGGLE)
  },
})
