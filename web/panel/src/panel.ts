/** The panel as one module: both doors call `mountPanel`. */

import { createApp } from 'vue'

import { ApiError } from './api/request'
import App from './app/App.vue'
import { makeContext, PANEL } from './app/context'
import type { Host } from './host'
import './styles/panel.css'

export interface Mounted {
  unmount(): void
}

/** A part of the panel is not there any more: another version was installed while the page was open. */
const isOutdated = (problem: unknown): boolean => problem instanceof TypeError && /dynamically imported module/.test(problem.message)

const STYLE = 'isengard-style'

/** Puts the panel into an element, once; loads its style sheet where the page has not done so. */
export function mountPanel(element: HTMLElement, host: Host): Mounted {
  if (!document.querySelector('link[rel=stylesheet][href$="panel.css"]')) {
    const link = document.createElement('link')
    link.id = STYLE
    link.rel = 'stylesheet'
    link.href = `${host.files}panel.css`
    document.head.append(link)
  }
  const context = makeContext(host)
  const app = createApp(App)
  app.provide(PANEL, context)
  app.config.errorHandler = (problem) => {
    console.error(problem)
    context.toasts.fail(isOutdated(problem) ? new ApiError('PANEL_OUTDATED', context.words.t('failure.outdated')) : problem)
  }
  element.replaceChildren()
  app.mount(element)
  return {
    unmount() {
      app.unmount()
      context.close()
    },
  }
}
