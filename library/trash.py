"""The trash: what was deleted, and the way back.

An entry is a folder `trash/<id>/` with `entry.json` and the deleted files under the paths they had in the library.
"""

from __future__ import annotations

import filecmp
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from ..errors import IsengardError
from ..files import read_json, told_plainly, written_aside
from . import names
from .characters import get, now
from .folders import CharacterFolder
from .journal import Inside, Transaction
from .photo_files import Key, by_character, existing, parts, stems, transfer
from .records import Record, read_record
from .store import Library

FORMAT = 1
"""Version of entry.json; a reader refuses a newer one."""
ELSEWHERE = "elsewhere"
"""Folder of an entry for files that were in the LoRA folder where that is outside the library, as ComfyUI's is."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """Something that was deleted."""

    id: str
    kind: str
    """character, photos, or what another module puts there: lora, picture."""
    label: str
    """What it is, for people."""
    deleted: str = ""
    character: str = ""
    """Slug."""
    photos: tuple[str, ...] = ()
    """Of photos: their names."""
    files: tuple[str, ...] = field(default=(), repr=False)
    """What was moved, as paths from the library's root: files, or one folder."""
    format: int = FORMAT

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "photos": list(self.photos), "files": list(self.files)}


def delete_character(library: Library, slug: str) -> Entry:
    """Puts a character with all that is its own into the trash. Raises CHARACTER_MISSING."""
    folder = library.folder(slug)
    try:
        name = get(library, slug).name
    except IsengardError:
        name = slug  # a damaged file must not keep somebody from deleting it
    entry = new_entry("character", name, slug)
    with library.changing(slug) as change:
        library.folder(slug)
        throw_away(library, change, entry, [folder.path])
    return entry


def delete_photos(library: Library, keys: Iterable[Key]) -> list[Entry]:
    """Puts photos into the trash, one entry a character, all or none of them. Raises PHOTO_MISSING."""
    groups = by_character(keys)
    entries = []
    with library.changing(*groups) as change:
        for slug, files in groups.items():
            folder = library.folder(slug)
            gone = []
            for file in files:
                gone += parts(folder, existing(folder, file), _sound_record(folder, file))
            label = files[0] if len(files) == 1 else f"{len(files)} photos"
            entry = replace(new_entry("photos", label, slug), photos=tuple(files))
            throw_away(library, change, entry, gone)
            entries.append(entry)
    return entries


def entries(library: Library) -> list[Entry]:
    """What is in the trash, the latest first; damaged entries are left out and stay where they are."""
    found = []
    for folder in _folders(library):
        try:
            found.append(_read(folder))
        except IsengardError:
            continue
    return sorted(found, key=lambda entry: (entry.deleted, entry.id), reverse=True)


def restore(library: Library, entry_id: str) -> Entry:
    """Puts an entry back. Where its place is taken it gets a new name; the result says where it went.

    Raises TRASH_MISSING; CHARACTER_MISSING if something of a character is restored that is gone; PHOTO_MISSING if of
    none of the photos enough is left; LIBRARY_CONFLICT.
    """
    entry = _read(_folder(library, entry_id))
    if entry.kind == "character":
        restored = _restore_character(library, entry)
    elif entry.kind == "photos":
        restored = _restore_photos(library, entry)
    else:
        restored = _restore_files(library, entry)
    shutil.rmtree(library.trash / entry.id, ignore_errors=True)
    return restored


def empty(library: Library, entry_ids: Iterable[str] | None = None) -> int:
    """Deletes entries for good, all without `entry_ids`. Returns how many. Raises TRASH_MISSING."""
    folders = list(_folders(library)) if entry_ids is None else [_folder(library, name) for name in entry_ids]
    for folder in folders:
        with library.changing(), told_plainly(folder / "entry.json"):
            if folder.is_dir():  # else somebody restored it meanwhile
                shutil.rmtree(folder)
    return len(folders)


def throw_away(library: Library, change: Transaction, entry: Entry, paths: Iterable[Path]) -> None:
    """Adds to a change that `paths`, files or one folder, go into the trash under `entry`."""
    there = library.trash / entry.id
    moved = []
    for path in dict.fromkeys(paths):
        relative = path.relative_to(library.root)
        change.move(path, there / relative)
        moved.append(relative.as_posix())
    change.write_json(there / "entry.json", replace(entry, files=tuple(moved)).as_dict())


def new_entry(kind: str, label: str, character: str = "") -> Entry:
    """A fresh entry for `throw_away`."""
    return Entry(id=secrets.token_hex(8), kind=kind, label=label, character=character, deleted=now())


def _restore_character(library: Library, entry: Entry) -> Entry:
    with library.changing() as change:
        there = names.inside(_folder(library, entry.id), "characters", entry.character)
        slug = names.unique(entry.character, library.taken())
        change.move(there, library.characters / slug)
        change.remove(library.trash / entry.id / "entry.json")
    library.tell((slug,))
    return replace(entry, character=slug)


def _restore_photos(library: Library, entry: Entry) -> Entry:
    there = _folder(library, entry.id)
    old = CharacterFolder(names.inside(there, "characters", entry.character))
    restored = []
    with ExitStack() as stack:
        lost = {file: record for file in entry.photos if (record := _without_image(old, file))}
        made = {file: stack.enter_context(_made_again(library, old, record, file)) for file, record in lost.items()}
        change = stack.enter_context(library.changing(entry.character))
        folder = library.folder(entry.character)
        _folder(library, entry.id)
        taken = stems(folder)
        for file in entry.photos:
            path = old.find_image(file)
            if path is None and file not in made:
                continue
            stem = names.unique(Path(file).stem, taken)
            taken.add(names.folded(stem))
            new = f"{stem}{Path(file).suffix}"
            transfer(change, old, folder, path or old.images / file, new, copy=False)
            if path is None:
                change.put(made[file][1] / "working", folder.images / new)
            restored.append(new)
        if not restored:
            raise IsengardError("PHOTO_MISSING", f"Of {names.shown(entry.label)} neither picture nor original is left.")
        change.remove(there / "entry.json")
    return replace(entry, photos=tuple(restored))


def _without_image(old: CharacterFolder, file: str) -> Record | None:
    """The record of a deleted photo whose image was removed by hand while its original stayed."""
    record = _sound_record(old, file)
    if not record or not record.original or old.find_image(file) is not None:
        return None
    return record if names.inside(old.originals, record.original).is_file() else None


def _made_again(
    library: Library, old: CharacterFolder, record: Record, file: str
) -> AbstractContextManager[tuple[dict[str, Any], Path]]:
    original = names.inside(old.originals, record.original)
    return library.workers.take(original, record.edit, keep_original=False, ending=Path(file).suffix.lower())


def _restore_files(library: Library, entry: Entry) -> Entry:
    with library.changing(*([entry.character] if entry.character else [])) as change:
        there = _folder(library, entry.id)
        for name in entry.files:
            target = _inside(library.root, name)
            if target.is_relative_to(library.characters):
                library.folder(next(iter(target.relative_to(library.characters).parts), ""))
            change.move(_inside(there, name), target)
        for path in sorted((there / ELSEWHERE).glob("*")):
            _put_elsewhere(path, library.loras / path.name)
        change.remove(there / "entry.json")
    return entry


def _put_elsewhere(path: Path, target: Path) -> None:
    """Copies a file back to where it was outside the library. What lies there without its record harms nobody."""
    if target.exists():
        if filecmp.cmp(path, target, shallow=False):
            return
        raise IsengardError("LIBRARY_CONFLICT", f"{target} is there already.")
    with told_plainly(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    with written_aside(target) as aside:
        shutil.copyfile(path, aside)


def _folders(library: Library) -> Iterator[Path]:
    try:
        with os.scandir(library.trash) as found:
            folders = [Path(item.path) for item in found if item.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        folders = []
    yield from sorted(folders)


def _folder(library: Library, entry_id: str) -> Path:
    folder = names.inside(library.trash, entry_id)
    if not (folder / "entry.json").is_file():
        raise IsengardError("TRASH_MISSING", f"Nothing in the trash has the number {names.shown(entry_id)}.")
    return folder


def _read(folder: Path) -> Entry:
    path = folder / "entry.json"
    try:
        found = read_json(path, "LIBRARY_CORRUPT")
        known = {item.name for item in fields(Entry)}
        values = {name: value for name, value in found.items() if name in known}
        values |= {"id": folder.name, "photos": tuple(found.get("photos", ())), "files": tuple(found.get("files", ()))}
        if values.get("format", FORMAT) > FORMAT:
            raise IsengardError("LIBRARY_NEWER", f"{path} was written by a newer version of Isengard.")
        entry = Entry(**values)
        texts = (entry.kind, entry.label, entry.deleted, entry.character, *entry.photos, *entry.files)
        if not all(isinstance(text, str) for text in texts):
            raise ValueError("a value has the wrong type")
        return entry
    except (AttributeError, TypeError, ValueError, FileNotFoundError) as problem:
        raise IsengardError("LIBRARY_CORRUPT", f"{path} can't be used: {problem}.") from problem


def _sound_record(folder: CharacterFolder, file: str) -> Record | None:
    try:
        return read_record(folder, file)
    except IsengardError:
        return None  # deleting works whatever is damaged


def _inside(root: Path, relative: str) -> Path:
    """A path that an entry names, which must not lead out. Raises NAME_INVALID."""
    try:
        path = Inside()(root, relative)
    except ValueError as problem:
        raise IsengardError("NAME_INVALID", f"{names.shown(relative)} leads out of the library.") from problem
    if path.is_symlink():
        raise IsengardError("NAME_INVALID", f"{names.shown(relative)} is a link.")
    return path
