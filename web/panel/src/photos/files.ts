/** Files that are dropped, pasted or picked, folders included; a text beside a photo is its caption. */

const PICTURE = /\.(jpe?g|png|webp|heic|heif|tiff?|bmp|avif|gif)$/i

export interface Arrival {
  file: File
  /** The caption's file of the same stem, if there is one. */
  caption?: File
}

export const isPicture = (file: Pick<File, 'name' | 'type'>): boolean => PICTURE.test(file.name) || file.type.startsWith('image/')

const stem = (name: string): string => name.replace(/\.[^.]*$/, '')

/** Photos with the captions that lie beside them; what is neither is left out. */
export function arrivals(files: readonly File[]): Arrival[] {
  const captions = new Map(files.filter(({ name }) => /\.txt$/i.test(name)).map((file) => [stem(file.name), file]))
  return files.filter(isPicture).map((file) => {
    const caption = captions.get(stem(file.name))
    return caption ? { file, caption } : { file }
  })
}

/** All files of a drop or a paste; folders are walked through. */
export async function filesOf(transfer: DataTransfer): Promise<File[]> {
  // The list empties once this handler returns, so entries are taken before anything is awaited.
  const entries = [...transfer.items].map((item) => (item.kind === 'file' ? item.webkitGetAsEntry() : null))
  const plain = [...transfer.files]
  const known = entries.filter((entry) => entry !== null)
  if (known.length === 0) return plain
  return (await Promise.all(known.map(filesIn))).flat()
}

async function filesIn(entry: FileSystemEntry): Promise<File[]> {
  if (entry.isFile) {
    return [await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject))]
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader()
  const found: FileSystemEntry[] = []
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject))
    if (some.length === 0) break // a browser gives at most a hundred at a time
    found.push(...some)
  }
  return (await Promise.all(found.filter(({ name }) => !name.startsWith('.')).map(filesIn))).flat()
}
