"""Photos: added, rejected, cropped and turned, moved. Each change happens whole or not at all.

A photo is a file in `images/` or, put aside, in `rejected/`. Its name is its id within the character.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from ..errors import IsengardError
from ..media.captions import read_caption
from ..media.folders import find_photos
from ..media.pictures import shown_name
from ..media.pixels import known_note, refuse_raw
from ..sentences import Said, several
from . import names
from .characters import now
from .folders import CharacterFolder
from .photo_files import (
    Key,
    by_character,
    existing,
    move_with_captions,
    put_working,
    record_of,
    stamps_of,
    stems,
    stems_of,
    transfer,
)
from .records import Edit, Record, read_record
from .store import Library


@dataclass(frozen=True, kw_only=True)
class Source:
    """A file that is to become a photo."""

    path: Path
    title: str = ""
    """The name it came with; empty: the path's."""
    caption: str | None = None
    """None: as it stands in a text file beside it."""

    @property
    def shown(self) -> str:
        """The name for people."""
        return shown_name(Path(self.title or self.path.name))


@dataclass(frozen=True, kw_only=True)
class Added:
    """What became of a source."""

    title: str
    file: str = ""
    """The photo's name; empty if it was not taken."""
    twin: str = ""
    """A photo of the character with the very same bytes: this one was not taken again."""
    error: IsengardError | None = None
    note: str = ""
    """What was tolerated."""


def add(library: Library, slug: str, sources: Iterable[Source]) -> Iterator[Added]:
    """Adds photos, several at a time, and yields what became of each, in order.

    Ending the iteration ends the work; what was yielded is there for good. Sources are copied. Raises CHARACTER_MISSING
    before the first, and DISK_FULL or FOLDER_NOT_WRITABLE in between; what is wrong with a photo is in its `Added`.
    """
    known = _known(library, library.folder(slug))
    pending: deque[tuple[Source, Future[Added]]] = deque()
    feed, last = iter(sources), None
    with ThreadPoolExecutor(library.workers.count, thread_name_prefix="photos") as pool:
        try:
            while True:
                while len(pending) < 2 * library.workers.count and (source := next(feed, None)) is not None:
                    last = pool.submit(_add_one, library, slug, source, known, last)
                    pending.append((source, last))
                if not pending:
                    return
                yield pending.popleft()[1].result()
        finally:
            for _, future in pending:
                future.cancel()


def folder_sources(folder: Path) -> list[Source]:
    """The photos in a folder, also in kohya's sub-folders, with the captions beside them. Raises PHOTOS_NONE."""
    found = find_photos(folder)
    if not found.photos:
        raise IsengardError("PHOTOS_NONE", f"There are no photos in {folder}.")
    return [Source(path=item.path) for item in found.photos]


def set_rejected(library: Library, keys: Iterable[Key], rejected: bool) -> list[Key]:
    """Puts photos aside, or takes them back. Returns those that moved. Raises PHOTO_MISSING, LIBRARY_CONFLICT."""
    groups = by_character(keys)
    moved = []
    with library.changing(*groups) as change:
        for slug, files in groups.items():
            folder = library.folder(slug)
            targets = {existing(folder, file): folder.image(file, rejected=rejected) for file in files}
            targets = {path: target for path, target in targets.items() if path.parent != target.parent}
            move_with_captions(change, targets)
            moved += [(slug, path.name) for path in targets]
    return moved


def edit(library: Library, slug: str, file: str, wanted: Edit) -> None:
    """Makes the working image again from the original with another crop and turn.

    Raises EDIT_INVALID, PHOTO_MISSING; PHOTO_NEW for one that was changed by hand and is not taken in yet.
    """
    wanted = wanted.checked()
    record = record_of(library.folder(slug), file)
    if record.edit != wanted:
        _render(library, slug, file, record, record.edited(wanted))


def undo_edit(library: Library, slug: str, file: str) -> bool:
    """Takes back the last crop or turn; False if there is none."""
    record = record_of(library.folder(slug), file)
    if not record.history:
        return False
    _render(library, slug, file, record, replace(record, edit=record.history[-1], history=record.history[:-1]))
    return True


def keep(library: Library, slug: str, file: str, codes: Iterable[str], kept: bool = True) -> None:
    """Overrules findings of the report for one photo, or takes that back."""
    with library.changing(slug) as change:
        folder = library.folder(slug)
        existing(folder, file)
        record = record_of(folder, file)
        wanted = set(record.kept) | set(codes) if kept else set(record.kept) - set(codes)
        change.write_json(folder.record(file), replace(record, kept=tuple(sorted(wanted))).as_dict())


def move(library: Library, keys: Iterable[Key], target: str, *, copy: bool = False) -> list[tuple[Key, Key]]:
    """Moves photos, with captions and originals, to another character, or copies them. Returns old and new keys."""
    groups = by_character(keys)
    done: list[tuple[Key, Key]] = []
    with library.changing(*groups, target) as change:
        there = library.folder(target)
        taken = stems(there)
        for slug, files in groups.items():
            folder = library.folder(slug)
            if slug == target:
                continue
            for file in files:
                path = existing(folder, file)
                stem = names.unique(path.stem, taken)
                taken.add(names.folded(stem))
                new = f"{stem}{path.suffix}"
                transfer(change, folder, there, path, new, copy=copy)
                done.append(((slug, file), (target, new)))
    return done


def thumbnail(library: Library, slug: str, file: str) -> bytes:
    """A small WebP of the photo: the one that was made when it came in, else made now. Raises PHOTO_MISSING."""
    folder = library.folder(slug)
    path = existing(folder, file)
    try:
        return names.inside(folder.thumbnails, f"{file}.webp").read_bytes()
    except FileNotFoundError:
        with library.workers.take(path, keep_original=False) as (_, out):
            return (out / "thumbnail").read_bytes()


class _Known:
    """Hashes of the bytes that a character has, for all who add to it in this process; what they say is looked up."""

    def __init__(self) -> None:
        self._files: dict[str, str] = {}
        self._stamps: dict[str, tuple[int, int]] = {}
        """Sizes and times of the records that were read."""

    def refresh(self, folder: CharacterFolder) -> None:
        """Reads the records that are new or have changed."""
        for name, stamp in stamps_of(folder.records).items():
            if self._stamps.get(name) != stamp:
                self._stamps[name] = stamp
                file = name.removesuffix(".json")
                self._files[_hash_of(folder, file)] = file

    def claim(self, folder: CharacterFolder, sha256: str, file: str) -> str:
        """The photo that has these bytes; empty if it is `file` from now on. The library's lock is held."""
        owner = self._files.get(sha256, "")
        if owner and folder.find_image(owner) and _hash_of(folder, owner) == sha256:
            return owner
        self._files[sha256] = file
        return ""


_KNOWN: WeakKeyDictionary[Library, dict[str, _Known]] = WeakKeyDictionary()
"""By library and character."""


def _known(library: Library, folder: CharacterFolder) -> _Known:
    known = _KNOWN.setdefault(library, {}).setdefault(folder.slug, _Known())
    known.refresh(folder)
    return known


def _hash_of(folder: CharacterFolder, file: str) -> str:
    try:
        record = read_record(folder, file)
    except IsengardError:
        return ""  # the index reports it
    return record.sha256 if record else ""


def _add_one(library: Library, slug: str, source: Source, known: _Known, before: Future[Added] | None) -> Added:
    """Looks at a photo at once, takes it in after the one `before` it: of two with the same bytes the first stays."""
    try:
        refuse_raw(source.shown)
        caption, caption_note = _caption_of(source)
        with library.workers.take(source.path, keep_original=True) as (found, out):
            wait([before] if before else [])
            added = _commit(library, slug, source, caption, found, out, known)
        notes = [note for note in (added.note, caption_note) if note]
        return replace(added, note=several(notes) if notes else "")
    except IsengardError as problem:
        if problem.code in ("DISK_FULL", "FOLDER_NOT_WRITABLE", "LIBRARY_BUSY", "CHARACTER_MISSING"):
            raise
        return Added(title=source.shown, error=problem)
    finally:
        wait([before] if before else [])  # one that fails is quick, and who comes after it comes after all before it


def _caption_of(source: Source) -> tuple[str, str]:
    if source.caption is not None:
        return source.caption, ""
    try:
        return read_caption(source.path), ""
    except IsengardError as problem:
        return "", without_caption(problem)


def without_caption(problem: IsengardError) -> str:
    """What is said of a photo whose caption can't be used."""
    return Said("photo.without_caption", f"Taken without its caption: {problem.message}")


def _commit(
    library: Library, slug: str, source: Source, caption: str, found: dict[str, Any], out: Path, known: _Known
) -> Added:
    with library.changing(slug) as change:
        folder = library.folder(slug)
        stem = names.unique(names.slug(Path(source.shown).stem, "photo"), stems(folder))
        file = f"{stem}{found['ending']}"
        if twin := known.claim(folder, found["sha256"], file):
            return Added(title=source.shown, twin=twin)
        original = f"{stem}{found['original_ending']}"
        record = Record(
            title=source.shown[:300],
            original=original,
            sha256=found["sha256"],
            added=now(),
            source=found["source"],
            note=found["note"],
        )
        change.put(out / "original", folder.originals / original)
        put_working(change, folder, folder.images / file, record, found, out)
        if caption:
            change.write((folder.images / file).with_suffix(".txt"), caption + "\n")
    return Added(title=source.shown, file=file, note=known_note(found["note"]))


def _render(library: Library, slug: str, file: str, old: Record, new: Record) -> None:
    folder = library.folder(slug)
    path = existing(folder, file)
    original = names.inside(folder.originals, old.original) if old.original else path
    if not original.is_file():
        raise IsengardError(
            "PHOTO_UNREADABLE",
            f"The original of {file}, from which it is cropped and turned, was taken away.",
            hint=f"Put {original.name} back into the character's folder “originals”, or add the photo again.",
        )
    looked_at = library.workers.take(original, new.edit, keep_original=True, ending=path.suffix.lower())
    with looked_at as (found, out), library.changing(slug) as change:
        if record_of(folder, file) != old:
            raise IsengardError("LIBRARY_CONFLICT", f"{file} was changed meanwhile.")
        if not old.is_of(existing(folder, file)):  # it would be made again without what somebody painted
            raise IsengardError("PHOTO_NEW", f"{file} was changed by hand and is not taken in yet.")
        if not old.original:  # what was given is about to be replaced
            kept = names.unique(path.stem, stems_of(folder.originals)) + path.suffix
            change.put(out / "original", folder.originals / kept)
            new = replace(new, original=kept)
        put_working(change, folder, existing(folder, file), new, found, out)
