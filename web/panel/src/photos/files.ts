/** Files that are dropped, pasted or picked, folders included; a text beside a photo is its caption. */

const PICTURE = /\.(jpe?g|png|webp|heic|heif|tiff?|bmp|avif|gif)$/i
/** What a camera keeps: the server says for each what to do instead. */
const RAW = /\.(dng|cr2|cr3|nef|arw|orf|rw2|raf|pef|srw)$/i
const ARCHIVE = /\.zip$/i
const CAPTION = /\.txt$/i
/** What systems leave in folders, which nobody means to add. */
const CLUTTER = /(^|\/)(\.[^/]*|Thumbs\.db|desktop\.ini|__MACOSX\/.*)$/i

/** A file and where it lay: `holiday/day 1/a.jpg`. */
export interface Found {
  /** Null where it, or the folder, can't be read. */
  file: File | null
  path: string
}

export interface Arrival {
  file: File
  /** The caption's file of the same stem in the same folder, if there is one. */
  caption?: File
}

/** What came, by what can be done with it. */
export interface Arrivals {
  photos: Arrival[]
  /** Characters or photos in one file. */
  archives: File[]
  /** Names of what is neither photo nor caption. */
  leftOut: string[]
  /** Names of what can't be read. */
  unread: string[]
}

export const isPicture = (file: Pick<File, 'name' | 'type'>): boolean =>
  PICTURE.test(file.name) || RAW.test(file.name) || file.type.startsWith('image/')

const stem = (path: string): string => path.replace(/\.[^./]*$/, '')

/** Files of a picker as they are found; a folder's picker says where each lay. */
export const pickedFiles = (files: Iterable<File>): Found[] => [...files].map((file) => ({ file, path: file.webkitRelativePath || file.name }))

/** Photos with the captions that lie beside them, archives, and what is neither. */
export function arrivals(found: readonly Found[]): Arrivals {
  const meant = found.filter(({ path }) => !CLUTTER.test(path))
  const wanted = meant.flatMap(({ file, path }) => (file ? [{ file, path }] : []))
  const captions = new Map(wanted.filter(({ path }) => CAPTION.test(path)).map(({ path, file }) => [stem(path), file]))
  const pictures = wanted.filter(({ file }) => isPicture(file))
  const used = new Set(pictures.map(({ path }) => stem(path)))
  const isMore = ({ file, path }: (typeof wanted)[number]): boolean =>
    !isPicture(file) && !ARCHIVE.test(file.name) && !(CAPTION.test(path) && used.has(stem(path)))
  return {
    photos: pictures.map(({ file, path }) => {
      const caption = captions.get(stem(path))
      return caption ? { file, caption } : { file }
    }),
    archives: wanted.filter(({ file }) => ARCHIVE.test(file.name)).map(({ file }) => file),
    leftOut: wanted.filter(isMore).map(({ path }) => path),
    unread: meant.filter(({ file }) => !file).map(({ path }) => path),
  }
}

/** All files of a drop; folders are walked through. */
export async function filesOf(transfer: Pick<DataTransfer, 'items' | 'files'>): Promise<Found[]> {
  // The list empties once this handler returns, so entries are taken before anything is awaited.
  const entries = [...transfer.items].map((item) => (item.kind === 'file' ? (item.webkitGetAsEntry?.() ?? null) : null))
  const plain = pickedFiles(transfer.files)
  const known = entries.filter((entry) => entry !== null)
  if (known.length === 0) return plain
  return (await Promise.all(known.map(filesIn))).flat()
}

async function filesIn(entry: FileSystemEntry): Promise<Found[]> {
  const path = entry.fullPath.replace(/^\//, '')
  try {
    if (entry.isFile) return [{ file: await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject)), path }]
    const inside = await entriesOf(entry as FileSystemDirectoryEntry)
    return (await Promise.all(inside.filter(({ name }) => !name.startsWith('.')).map(filesIn))).flat()
  } catch {
    return [{ file: null, path }] // the others come all the same
  }
}

async function entriesOf(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader()
  const found: FileSystemEntry[] = []
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject))
    if (some.length === 0) return found // a browser gives at most a hundred at a time
    found.push(...some)
  }
}
