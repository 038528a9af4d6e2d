/** The one way to ask the server: JSON in and out, and every failure an ApiError with a code and what to do next. */

import type { Problem } from '../i18n/server'

/** A failure with the server's own words, or with ours where the server said nothing. */
export class ApiError extends Error {
  readonly code: string
  readonly hint: string
  readonly correlationId: string
  readonly status: number
  readonly details: Record<string, unknown>
  readonly said: Problem['said']

  constructor(
    code: string,
    message: string,
    more: { hint?: string; correlationId?: string; status?: number; details?: Record<string, unknown> | null; said?: Problem['said'] } = {},
  ) {
    super(message)
    this.name = 'ApiError'
    this.code = code
    this.hint = more.hint ?? ''
    this.correlationId = more.correlationId ?? ''
    this.status = more.status ?? 0
    this.details = more.details ?? {}
    this.said = more.said ?? null
  }
}

export type QueryValue = string | number | boolean | undefined | null | readonly (string | number)[]

export interface RequestOptions {
  query?: Record<string, QueryValue>
  body?: unknown
  /** A file as the whole body, with its own content type. */
  file?: Blob
  signal?: AbortSignal
}

export type Request = <T>(method: string, path: string, options?: RequestOptions) => Promise<T>

/** A path's part that came from a name. */
export const part = (name: string): string => encodeURIComponent(name)

/** `?a=1&b=x&b=y`, without what is empty; nothing at all if all is. */
export function queryString(query: Record<string, QueryValue> = {}): string {
  const found = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined || value === null || value === '') continue
    for (const one of Array.isArray(value) ? value : [value]) found.append(name, String(one))
  }
  const text = found.toString()
  return text ? `?${text}` : ''
}

/** What an answer that is no success says, whoever wrote it: the server, a proxy, or nobody. */
export function errorFrom(status: number, text: string): ApiError {
  try {
    const { error } = JSON.parse(text) as { error?: Record<string, unknown> }
    if (error && typeof error.code === 'string') {
      return new ApiError(error.code, String(error.message ?? ''), {
        hint: String(error.hint ?? ''),
        correlationId: String(error.correlation_id ?? ''),
        status,
        details: (error.details as Record<string, unknown> | null) ?? null,
        said: (error.said as Problem['said']) ?? null,
      })
    }
  } catch {
    // not the server's own error body: the status has to do
  }
  return new ApiError(`HTTP_${status}`, `The server answered ${status}.`, { status })
}

/** Any thrown thing as an ApiError. */
export function asApiError(problem: unknown): ApiError {
  if (problem instanceof ApiError) return problem
  return new ApiError('PANEL', problem instanceof Error ? problem.message : String(problem))
}

/** `request` for a server whose API begins at `base`, e.g. `/isengard`. */
export function makeRequest(base: string): Request {
  return async function request<T>(method: string, path: string, options: RequestOptions = {}): Promise<T> {
    const init: RequestInit = { method, headers: { Accept: 'application/json' }, credentials: 'same-origin' }
    if (options.signal) init.signal = options.signal
    if (options.file) {
      init.body = options.file
      init.headers = { ...init.headers, 'Content-Type': options.file.type || 'application/octet-stream' }
    } else if (options.body !== undefined) {
      init.body = JSON.stringify(options.body)
      init.headers = { ...init.headers, 'Content-Type': 'application/json' }
    }
    let response: Response
    let text: string
    try {
      response = await fetch(`${base}${path}${queryString(options.query)}`, init)
      text = await response.text()
    } catch (problem) {
      if (options.signal?.aborted) throw problem
      throw new ApiError('UNREACHABLE', 'The server does not answer.', { hint: 'Is it still running? The panel keeps trying.' })
    }
    if (!response.ok) throw errorFrom(response.status, text)
    return (text ? JSON.parse(text) : undefined) as T
  }
}
