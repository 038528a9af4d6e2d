"""The files that make up a photo, and how they are put, moved and copied together."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Container, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import IsengardError
from ..media.captions import read_caption
from ..media.pictures import SUFFIXES
from . import names
from .folders import CharacterFolder
from .journal import Transaction
from .records import Record, read_record

Key = tuple[str, str]
"""A photo: the character's slug and the file's name."""


def existing(folder: CharacterFolder, file: str) -> Path:
    """Where a photo's working image is. Raises PHOTO_MISSING, NAME_INVALID."""
    path = folder.find_image(file)
    if path is None:
        raise IsengardError("PHOTO_MISSING", f"{folder.slug} has no photo {names.shown(file)}.")
    return path


def record_of(folder: CharacterFolder, file: str) -> Record:
    """The record of a photo that has been taken in. Raises PHOTO_MISSING, PHOTO_NEW."""
    existing(folder, file)
    record = read_record(folder, file)
    if record is None:
        raise IsengardError(
            "PHOTO_NEW", f"{names.shown(file)} was put into the folder by hand and is not taken in yet."
        )
    return record


def own_files(folder: CharacterFolder, place: Path) -> list[Path]:
    """The files in one of a character's folders, sorted: what is given away. Links may lead to anything, so they are
    none of them, nor is anything in a folder that is one."""
    if not place.is_dir() or not place.resolve().is_relative_to(folder.path.resolve()):
        return []
    return sorted(path for path in place.iterdir() if path.is_file() and not path.is_symlink())


def caption_beside(image: Path) -> str:
    """A photo's caption; none where a link is in its place, which may lead to anything, or a pipe, which is waited on
    forever. Raises what `read_caption` raises."""
    try:
        ordinary = stat.S_ISREG(image.with_suffix(".txt").lstat().st_mode)
    except OSError:
        return ""
    return read_caption(image) if ordinary else ""


def stems(folder: CharacterFolder) -> set[str]:
    """The names, without endings and folded, that photos of a character use or have used for a file."""
    found = set()
    for place in (folder.images, folder.rejected, folder.originals):
        found |= stems_of(place)
    found |= {names.folded(Path(Path(name).stem).stem) for name in file_names(folder.records)}
    return found


def stems_of(folder: Path) -> set[str]:
    """The names of a folder's files without endings, folded."""
    return {names.folded(Path(name).stem) for name in file_names(folder)}


def file_names(folder: Path) -> list[str]:
    """What is in a folder; nothing if it isn't there."""
    try:
        return os.listdir(folder)  # noqa: PTH208 - only names are wanted, of thousands
    except FileNotFoundError:
        return []


def stamps_of(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of every file in a folder, by name; links are none."""
    found = {}
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_file(follow_symlinks=False):
                    with suppress(FileNotFoundError):  # it went this moment; the others are still there
                        seen = entry.stat(follow_symlinks=False)
                        found[entry.name] = (seen.st_size, seen.st_mtime_ns)
    except FileNotFoundError:
        return {}
    return found


def parts(folder: CharacterFolder, path: Path, record: Record | None) -> list[Path]:
    """All files of a photo whose working image is at `path`, for those who move or delete it whole."""
    file = path.name
    found = [path, *([] if shares_caption(path) else [path.with_suffix(".txt")]), folder.record(file)]
    if record and record.original:
        found.append(names.inside(folder.originals, record.original))
    found += [folder.measured / f"{file}.json", folder.thumbnails / f"{file}.webp"]
    return [part for part in found if part.is_file()]


def by_character(keys: Iterable[Key]) -> dict[str, list[str]]:
    """The photos' names by character, each once."""
    groups: dict[str, list[str]] = {}
    for slug, file in keys:
        files = groups.setdefault(slug, [])
        if file not in files:
            files.append(file)
    return groups


def put_working(
    change: Transaction, folder: CharacterFolder, path: Path, record: Record, found: dict[str, Any], out: Path
) -> None:
    """Puts a working image that a worker made, its record and what can be made again into a change."""
    put_derived(change, folder, path.name, found, out)
    written = (out / "working").stat()
    record = replace(record, working=found["working"], size=written.st_size, mtime=written.st_mtime_ns)
    change.write_json(folder.record(path.name), record.as_dict())
    change.put(out / "working", path)


def put_derived(change: Transaction, folder: CharacterFolder, file: str, found: dict[str, Any], out: Path) -> None:
    """Puts a photo's measurements and thumbnail into a change."""
    measured = {"working": found["working"], "measures": found["measures"]}
    change.write_json(folder.measured / f"{file}.json", measured, lasting=False)
    change.put(out / "thumbnail", folder.thumbnails / f"{file}.webp", lasting=False)


def move_with_captions(change: Transaction, targets: Mapping[Path, Path]) -> None:
    """Adds to a change that working images go to their targets, their captions with them.

    Raises LIBRARY_CONFLICT if another caption is in the place of one.
    """
    captions = {path.with_suffix(".txt"): path for path in targets}
    for path, target in targets.items():
        change.move(path, target)
    for caption, path in captions.items():
        place = targets[path].with_suffix(".txt")
        if not caption.is_file() or caption.is_symlink():
            continue
        if place.is_file() and place.read_bytes() != caption.read_bytes():
            raise IsengardError("LIBRARY_CONFLICT", f"{place.parent.name}/{names.shown(place.name)} is there already.")
        change.copy(caption, place)
        if not shares_caption(path, targets):
            change.remove(caption)


def transfer(
    change: Transaction, folder: CharacterFolder, there: CharacterFolder, path: Path, new: str, *, copy: bool
) -> None:
    """Adds to a change that the photo at `path` goes to another character's folder, whole, under the name `new`."""
    send = change.copy if copy else change.move
    record = read_record(folder, path.name)
    if record and record.original:
        given = names.inside(folder.originals, record.original)
        original = f"{Path(new).stem}{given.suffix}"
        if given.is_file():  # else somebody has cleared it away: the photo goes all the same
            send(given, there.originals / original)
        record = replace(record, original=original)
    if record:
        change.write_json(there.record(new), record.as_dict())
        if not copy:
            change.remove(folder.record(path.name))
    target = there.image(new, rejected=path.parent == folder.rejected)
    for source, place in (
        (path.with_suffix(".txt"), target.with_suffix(".txt")),
        (folder.measured / f"{path.name}.json", there.measured / f"{new}.json"),
        (folder.thumbnails / f"{path.name}.webp", there.thumbnails / f"{new}.webp"),
        (path, target),
    ):
        if source.is_file() and not source.is_symlink():
            shared = source.suffix == ".txt" and shares_caption(path)
            (change.copy if shared else send)(source, place)


def shares_caption(path: Path, but: Container[Path] = ()) -> bool:
    """Whether another picture beside this one has the same name but for the ending, and so the same caption; those in
    `but` don't count."""
    beside = path.parent.glob(f"{glob.escape(path.stem)}.*")
    return any(other != path and other.suffix.lower() in SUFFIXES and other not in but for other in beside)
