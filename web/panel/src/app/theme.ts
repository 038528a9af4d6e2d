/** Dark or light: ComfyUI's own colours where they are, else what the system asks for, or what somebody chose here. */

import { ref } from 'vue'

export type Theme = 'dark' | 'light'

export const theme = ref<Theme>('dark')
const KEY = 'isengard.theme'

/** How bright a CSS colour is, from 0 to 1; null for what can't be read. */
export function brightness(color: string): number | null {
  const found = color.match(/[\d.]+/g)?.map(Number)
  if (!found || found.length < 3 || (found.length > 3 && found[3] === 0)) return null
  const [red = 0, green = 0, blue = 0] = found
  return (0.299 * red + 0.587 * green + 0.114 * blue) / 255
}

function ofPage(): Theme {
  const chosen = localStorage.getItem(KEY)
  if (chosen === 'dark' || chosen === 'light') return chosen
  return matchMedia('(prefers-color-scheme: light)').matches ? 'light' : 'dark'
}

function ofComfyUI(): Theme {
  const probe = document.createElement('span')
  probe.style.cssText = 'display:none;color:var(--comfy-menu-bg, rgb(20, 20, 20))'
  document.body.append(probe)
  const light = (brightness(getComputedStyle(probe).color) ?? 0) > 0.5
  probe.remove()
  return light ? 'light' : 'dark'
}

/** Keeps `theme` right until the returned function is called. */
export function followTheme(kind: 'comfyui' | 'page'): () => void {
  const look = (): void => void (theme.value = kind === 'comfyui' ? ofComfyUI() : ofPage())
  look()
  const media = matchMedia('(prefers-color-scheme: light)')
  media.addEventListener('change', look)
  const observer = new MutationObserver(look)
  if (kind === 'comfyui') {
    for (const element of [document.documentElement, document.body]) {
      observer.observe(element, { attributes: true, attributeFilter: ['class', 'style'] })
    }
  }
  return () => {
    media.removeEventListener('change', look)
    observer.disconnect()
  }
}

/** The other one, remembered for this browser; for the page, where no ComfyUI decides. */
export function switchTheme(): void {
  theme.value = theme.value === 'dark' ? 'light' : 'dark'
  localStorage.setItem(KEY, theme.value)
}
