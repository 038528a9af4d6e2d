/** Ctrl+Z, which takes back what was done last in the panel: told once, by whoever hears of a key first. */

const WISHES = new WeakSet<KeyboardEvent>()

/**
 * Notes whether a key means to take something back. ComfyUI has heard of it before anybody in the panel, and a frame later undoes
 * on the canvas what the event then says: `hide` keeps it from doing that.
 */
export function noteUndo(event: KeyboardEvent, hide: boolean): void {
  const key = event.ctrlKey || event.metaKey ? event.key.toLowerCase() : ''
  if (key === 'z' && !event.shiftKey && !event.altKey) WISHES.add(event)
  if (hide && (key === 'z' || key === 'y')) Object.defineProperty(event, 'key', { value: 'Unidentified' })
}

export const isUndo = (event: KeyboardEvent): boolean => WISHES.has(event)
