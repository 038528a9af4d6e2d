/** Sends files with progress, which `fetch` can't tell of. */

import { ApiError, asApiError, errorFrom } from './request'

/** Posts a form or a file and gives the JSON that is answered; rejects with an ApiError. `progress` hears shares from 0 to 1. */
export function sendFiles<T>(address: string, body: FormData | Blob, progress: (share: number) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const asking = new XMLHttpRequest()
    asking.open('POST', address)
    if (body instanceof Blob) asking.setRequestHeader('Content-Type', body.type || 'application/octet-stream')
    asking.upload.onprogress = (event) => progress(event.lengthComputable && event.total ? event.loaded / event.total : 0)
    asking.upload.onload = () => progress(1)
    asking.onerror = () => reject(new ApiError('UNREACHABLE', 'The server does not answer.'))
    asking.onload = () => {
      if (asking.status >= 300) return reject(errorFrom(asking.status, asking.responseText))
      try {
        resolve(JSON.parse(asking.responseText) as T)
      } catch (problem) {
        reject(asApiError(problem)) // somebody between us and the server has answered
      }
    }
    asking.send(body)
  })
}
