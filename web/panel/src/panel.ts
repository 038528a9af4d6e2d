/** The panel as one module: both doors call `mountPanel`. */

import './styles/index.css' // first: the screens' own rules are laid over it

import { createApp, watch } from 'vue'

import { ApiError } from './api/request'
import type { Job } from './api/types'
import App from './app/App.vue'
import { makeContext, PANEL, type Panel } from './app/context'
import { watchEnds } from './endings'
import type { Host } from './host'
import { languageFor, STORED } from './i18n/words'

export { watchTrainings } from './endings'

export interface Mounted {
  unmount(): void
  /** A language that was chosen outside; `auto`: the one around. */
  useLanguage(language: string): void
}

/** A part of the panel is not there any more: another version was installed while the page was open. */
const isOutdated = (problem: unknown): boolean => problem instanceof TypeError && /dynamically imported module/.test(problem.message)

const STYLE = 'isengard-style'

function addStyle(files: string): void {
  if (document.querySelector('link[rel=stylesheet][href$="panel.css"]')) return
  const link = document.createElement('link')
  link.id = STYLE
  link.rel = 'stylesheet'
  link.href = `${files}panel.css`
  document.head.append(link)
}

/** Says that a training has ended to somebody who looks at something else. */
function sayEnd({ router, toasts, words }: Panel, job: Job): void {
  const { value: route } = router.route
  if (route.at === 'character' && route.character === job.character && route.step === 'train') return
  if (route.at === 'jobs' && route.id === job.id) return
  const summary = words.t('notify.ended', { name: job.name })
  if (job.state === 'done') toasts.done(`${summary} ${words.t('ended.done', { n: job.step })}`)
  else {
    const ended = { code: 'TRAINING_INTERRUPTED', message: words.named(`ended.${job.state}`, '', { n: job.step }), hint: '', said: null }
    const { code, message, ...more } = job.error ?? ended
    toasts.fail(new ApiError(code, message, more), summary)
  }
}

/** Puts the panel into an element, once; loads its style sheet where the page has not done so. */
export function mountPanel(element: HTMLElement, host: Host): Mounted {
  addStyle(host.files)
  const context = makeContext(host)
  const app = createApp(App)
  app.provide(PANEL, context)
  app.config.errorHandler = (problem) => {
    console.error(problem)
    context.toasts.fail(isOutdated(problem) ? new ApiError('PANEL_OUTDATED', context.words.t('failure.outdated')) : problem)
  }
  element.replaceChildren()
  app.mount(element)
  watchEnds(context.events, context.request, (job) => sayEnd(context, job))
  const stopTelling = watch(context.words.language, () => {
    const chosen = localStorage.getItem(STORED)
    if (chosen) host.languageChosen?.(chosen)
  })
  return {
    unmount() {
      stopTelling()
      app.unmount()
      context.close()
    },
    useLanguage(language) {
      const known = language === 'auto' ? languageFor([host.language ?? '', ...navigator.languages]) : languageFor([language])
      void context.words.show(known)
    },
  }
}
