"""Dataset folders as trainers know them: written from a character's photos, and made into a character.

```
plain        photo.jpg  photo.txt
kohya        10_ohwx woman/photo.jpg  photo.txt        repeats, trigger word, class word
ai-toolkit   photo.jpg  photo.txt                      the trigger word as “[trigger]”, which the trainer fills in
```
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..errors import IsengardError
from ..files import replace as put_in_place
from ..files import sync, told_plainly
from ..media.captions import place_trigger
from ..media.pictures import SUFFIXES, listed
from ..media.pixels import MAX_BYTES
from ..sentences import Said
from . import characters, names, photos, scratch, triggers
from .archives import Archive, Entry
from .arrivals import Imported, Progress, settle
from .characters import Character
from .photo_files import caption_beside, own_files
from .photos import Source
from .scratch import Workspace
from .store import Library

LAYOUTS = ("plain", "kohya", "ai-toolkit")
REPEATS = 10
"""Of a photo in an epoch, in kohya's layout, unless something else is asked for."""
_NAMED = re.compile(r"(?P<repeats>\d{1,4})_(?P<trigger>\S+)(?: (?P<class_word>.+))?")
"""A folder in kohya's layout."""
_INSIDE = ("img", "images")
"""Folders that hold the photos where a trainer's other files lie beside them."""
_CAPTION_BYTES = 64_000
_SHOWN_PROBLEMS = 20


@dataclass(frozen=True, kw_only=True)
class Written:
    """A dataset that was written."""

    folder: Path
    """Where the photos are: in kohya's layout the folder inside."""
    photos: int
    captions: int


def write(
    library: Library,
    slug: str,
    folder: Path,
    *,
    layout: str = "plain",
    repeats: int = REPEATS,
    place: bool = True,
) -> Written:
    """Writes a character's accepted photos into a new or empty folder, all of them or nothing.

    With `place` the trigger word is put into captions that lack it; else they stay as they are. Raises USAGE,
    TARGET_EXISTS, PHOTOS_NONE, CAPTION_UNREADABLE, CAPTION_TOO_LONG, CHARACTER_MISSING, DISK_FULL, FOLDER_NOT_WRITABLE.
    """
    if layout not in LAYOUTS or not 1 <= repeats <= 9999:
        raise IsengardError(
            "USAGE", f"The layout is one of {', '.join(LAYOUTS)}, repeats 1–9999; got {layout!r}, {repeats}."
        )
    character = characters.get(library, slug)
    folder = folder.expanduser().absolute()
    _check_free(folder)
    images = _accepted(library, slug)
    aside = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.tmp")
    inner = _folder_name(character, repeats) if layout == "kohya" else ""
    with told_plainly(folder), scratch.made_elsewhere(library.scratch, aside):
        (aside / inner).mkdir(parents=True)
        captions = sum(_copy(image, aside / inner, _caption(image, character, layout, place)) for image in images)
        sync(aside / inner)
        _into_place(aside, folder)
    return Written(folder=folder / inner, photos=len(images), captions=captions)


def import_archive(library: Library, archive: Archive, *, name: str, progress: Progress | None = None) -> Imported:
    """Makes a character of the photos that somebody packed, alone or in a trainer's layout.

    Raises ARCHIVE_FOREIGN if there are none, ARCHIVE_UNREADABLE, ARCHIVE_TOO_LARGE, PHOTOS_NONE if none is good.
    """
    entries, left_out = _dataset(archive.entries)
    pictures = {name: entry for name, entry in entries.items() if _is_picture(name)}
    if not pictures:
        raise IsengardError("ARCHIVE_FOREIGN", f"There is no character and are no photos in {archive.path.name}.")
    with scratch.workspace(library.scratch, "import") as desk:
        sources = []
        for number, (file, entry) in enumerate(pictures.items()):
            path = desk.path / f"{number}{PurePosixPath(file).suffix.lower()}"
            archive.unpack(entry, path, MAX_BYTES)
            text = entries.get(f"{file.rpartition('.')[0]}.txt")
            if text:
                path.with_suffix(".txt").write_bytes(archive.read(text, _CAPTION_BYTES))
            sources.append(Source(path=path, title=entry.parts[-1]))
        names_out = listed(left_out)
        warnings: list[str] = [Said("import.left_out", f"Left out: {names_out}.", files=names_out)] if left_out else []
        given = next((match for file in pictures if (match := _kohya(file))), None)
        return _made(library, desk, name, given, sources, warnings, progress)


def import_folder(library: Library, folder: Path, *, name: str = "", progress: Progress | None = None) -> Imported:
    """Makes a character of the photos in a folder, alone or in a trainer's layout. The folder stays as it is.

    Raises PHOTOS_NONE.
    """
    folder = folder.expanduser().absolute()
    library.tidy_up()
    inside = next((folder / part for part in _INSIDE if (folder / part).is_dir()), folder)
    sources = photos.folder_sources(inside)
    given = next((match for item in sources if (match := _NAMED.fullmatch(item.path.parent.name))), None)
    with told_plainly(library.characters), scratch.workspace(library.scratch, "import") as desk:
        return _made(library, desk, name or folder.name, given, sources, [], progress)


def _made(
    library: Library,
    desk: Workspace,
    name: str,
    given: re.Match[str] | None,
    sources: list[Source],
    warnings: list[str],
    progress: Progress | None,
) -> Imported:
    """Makes the character in a library of its own, from which it goes into ours when it is whole."""
    inner = Library(desk.path / "library")
    inner.characters.mkdir(parents=True)
    inner.workers = library.workers
    name = " ".join("".join(sign if sign.isprintable() else " " for sign in name).split())[:300] or "Character"
    character = _create(library, inner, name, given)
    count = 0
    problems: list[str] = []
    for done, added in enumerate(photos.add(inner, character.id, sources), 1):
        count += bool(added.file)
        if added.error:
            problems.append(added.error.message)
        elif added.twin:
            text = f"{added.title} has the same bytes as {added.twin}."
            problems.append(Said("import.same", text, photo=added.title, other=added.twin))
        if added.note:
            text = f"{added.title}: {added.note}"
            problems.append(Said("photos.note", text, photo=added.title, note=added.note))
        if progress:
            progress(done, len(sources))
    if not count:
        raise IsengardError("PHOTOS_NONE", " ".join(["None of the photos can be used.", *problems[:_SHOWN_PROBLEMS]]))
    settled = settle(library, desk, inner.folder(character.id), character, [])
    return Imported(character=settled, photos=count, warnings=(*warnings, *problems))


def _create(library: Library, inner: Library, name: str, given: re.Match[str] | None) -> Character:
    """With the trigger and class word that kohya's folder names, if they can be used."""
    taken = characters.trigger_words(library)
    proposed = triggers.propose(taken, name)
    if given and names.folded(given["trigger"]) not in {names.folded(word) for word in taken}:
        words = {"trigger_word": given["trigger"], "class_word": given["class_word"] or "person"}
        try:
            return characters.create(inner, name=name, **words)
        except IsengardError as problem:
            if problem.code != "CHARACTER_INVALID":
                raise
    return characters.create(inner, name=name, trigger_word=proposed)


def _dataset(found: dict[str, Entry]) -> tuple[dict[str, Entry], list[str]]:
    """The entries that belong to the dataset, without the folders around it, and names of pictures that don't."""
    base = ""
    while True:
        here = {name.removeprefix(base): entry for name, entry in found.items() if name.startswith(base)}
        tops = {name.partition("/")[0] for name in here if "/" in name}
        inside = next((top for top in _INSIDE if top in tops), None)
        alone = next(iter(tops)) if len(tops) == 1 and not any("/" not in name for name in here) else None
        step = inside or (alone if alone and not _NAMED.fullmatch(alone) else None)
        if step is None:
            break
        base += f"{step}/"
    entries = {name: entry for name, entry in here.items() if "/" not in name or _kohya(name)}
    kept = {entry.name for entry in entries.values()}
    return entries, [_shown(name) for name in found if name not in kept and _is_picture(name)]


def _shown(name: str) -> str:
    return "/".join(names.shown(part)[1:-1] for part in name.split("/"))


def _kohya(name: str) -> re.Match[str] | None:
    folder, _, file = name.rpartition("/")
    return _NAMED.fullmatch(folder) if file and "/" not in folder else None


def _is_picture(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in SUFFIXES


def _accepted(library: Library, slug: str) -> list[Path]:
    folder = library.folder(slug)
    found = own_files(folder, folder.images)
    accepted = [path for path in found if _is_picture(path.name) and names.is_safe(path.name)]
    if not accepted:
        raise IsengardError("PHOTOS_NONE", f"{slug} has no accepted photos.")
    return accepted


def _caption(image: Path, character: Character, layout: str, place: bool) -> str:
    text = caption_beside(image)
    if place:
        text = place_trigger(text, character.trigger_word, character.class_word)
    if layout == "ai-toolkit":
        text = re.sub(rf"(?<!\w){re.escape(character.trigger_word)}(?!\w)", "[trigger]", text)
    return text


def _copy(image: Path, folder: Path, caption: str) -> bool:
    copy = folder / image.name
    try:
        shutil.copyfile(image, copy)
    except FileNotFoundError as problem:
        raise IsengardError("LIBRARY_CONFLICT", f"{image.name} was taken away meanwhile.") from problem
    sync(copy)
    if caption:
        copy.with_suffix(".txt").write_text(caption + "\n", encoding="utf-8", newline="\n")
    return bool(caption)


def _folder_name(character: Character, repeats: int) -> str:
    """`10_ohwx woman`; a word that no system takes in a name is spelled plainly."""
    name = f"{repeats}_{character.trigger_word} {character.class_word}".strip()
    return name if names.is_safe(name) else f"{repeats}_{names.slug(character.trigger_word, 'character')}"


def _check_free(folder: Path) -> None:
    with told_plainly(folder):
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise IsengardError("TARGET_EXISTS", f"{folder} is there already and not an empty folder.")


def _into_place(aside: Path, folder: Path) -> None:
    try:
        if folder.is_dir() and os.name == "nt":
            folder.rmdir()  # elsewhere an empty folder gives way by itself
        put_in_place(aside, folder)
        sync(folder.parent)
    except OSError as problem:
        if folder.is_dir():
            raise IsengardError("TARGET_EXISTS", f"{folder} can't be filled: {problem.strerror}.") from problem
        raise
