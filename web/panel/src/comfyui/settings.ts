/**
 * What can be set in ComfyUI's own dialog, and what is only shown there. The texts that people read are in locales/; those
 * of choices are looked up by their text here, which must be one word.
 */

export const LANGUAGE = 'isengard.language'
export const PREVIEWS = 'isengard.previews'
export const NOTIFY = 'isengard.notify'
export const OPEN = 'isengard.openAtStart'

export interface Acts {
  /** Where the API begins. */
  base: string
  languageChosen(value: string): void
}

/** A line that says what the server knows; asked for when the dialog shows it. */
function shown(base: string, name: 'library' | 'loras') {
  return (): HTMLElement => {
    const line = document.createElement('code')
    line.textContent = '…'
    line.style.cssText = 'overflow-wrap:anywhere;max-width:24rem;user-select:all'
    line.dir = 'ltr'
    fetch(`${base}/system`)
      .then((answer) => answer.json())
      .then((system: Record<string, string>) => (line.textContent = system[name] ?? '–'))
      .catch(() => (line.textContent = '–'))
    return line
  }
}

export function settingsFor(acts: Acts): Record<string, unknown>[] {
  return [
    {
      id: LANGUAGE,
      name: 'Language of the panel',
      category: ['Isengard', 'Panel', 'Language'],
      type: 'combo',
      defaultValue: 'auto',
      options: [
        { text: 'ComfyUI', value: 'auto' },
        { text: 'English', value: 'en' },
        { text: 'Deutsch', value: 'de' },
        { text: '中文', value: 'zh' },
        { text: 'العربية', value: 'ar' },
      ],
      // ComfyUI calls this once while it starts, without an old value: nobody has chosen anything then.
      onChange: (value: string, before?: string) => {
        if (before === undefined) return
        localStorage.setItem(LANGUAGE, value) // where the panel itself looks, on both doors
        acts.languageChosen(value)
      },
    },
    {
      id: PREVIEWS,
      name: 'Previews of pictures that are being made',
      tooltip: 'How often the picture in the panel is renewed while it is being made.',
      category: ['Isengard', 'Panel', 'Previews'],
      type: 'combo',
      defaultValue: 'each',
      options: [
        { text: 'Each', value: 'each' },
        { text: 'Calm', value: 'calm' },
        { text: 'None', value: 'none' },
      ],
    },
    {
      id: NOTIFY,
      name: 'Tell when a training ends while the panel is closed',
      category: ['Isengard', 'Panel', 'Notify'],
      type: 'boolean',
      defaultValue: true,
    },
    {
      id: OPEN,
      name: 'Open the panel when ComfyUI starts',
      category: ['Isengard', 'Panel', 'Open'],
      type: 'boolean',
      defaultValue: false,
    },
    {
      id: 'isengard.library',
      name: 'Folder of characters, trainings and pictures',
      tooltip: 'Set by VOLUME_ROOT where ComfyUI is started; it can only be read here.',
      category: ['Isengard', 'Folders', 'Library'],
      type: shown(acts.base, 'library'),
      defaultValue: '',
    },
    {
      id: 'isengard.loras',
      name: 'Folder of trained LoRAs',
      tooltip: "A folder of ComfyUI's own LoRA folders; it can only be read here.",
      category: ['Isengard', 'Folders', 'LoRAs'],
      type: shown(acts.base, 'loras'),
      defaultValue: '',
    },
  ]
}
