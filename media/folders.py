"""Finds the photos in a folder, also in kohya's layout, without decoding any."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ..errors import IsengardError
from .pictures import SUFFIXES, picture_format

_REPEATS_FOLDER = re.compile(r"(\d{1,4})_")
"""What the name of a sub-folder in kohya's layout begins with: how often its photos are repeated."""


@dataclass(frozen=True, kw_only=True)
class FoundPhoto:
    """A file that is a picture, or is named like one."""

    path: Path
    repeats: int = 1


@dataclass(frozen=True, kw_only=True)
class FoundFiles:
    """What lies in a folder."""

    photos: tuple[FoundPhoto, ...]
    """In natural order: photo2 before photo10; those of sub-folders last."""
    others: tuple[Path, ...]
    """Files of other kinds."""
    folders: tuple[Path, ...]
    """Sub-folders that were not looked into."""


def find_photos(folder: Path) -> FoundFiles:
    """Looks through a folder, and through its sub-folders in kohya's layout (`10_name`: ten repeats), without decoding.

    Pictures are told by content; a file that is only named like one is listed too, so that it is reported and not
    overlooked. Hidden files and other sub-folders are skipped. Raises PHOTOS_NONE if there is no such folder.
    """
    photos, others, folders = _look_into(folder, 1)
    skipped = []
    for inner in folders:
        match = _REPEATS_FOLDER.match(inner.name)
        if match and int(match[1]) > 0:
            more, more_others, _ = _look_into(inner, int(match[1]))
            photos += more
            others += more_others
        else:
            skipped.append(inner)
    return FoundFiles(photos=tuple(photos), others=tuple(others), folders=tuple(skipped))


def _look_into(folder: Path, repeats: int) -> tuple[list[FoundPhoto], list[Path], list[Path]]:
    try:
        entries = sorted(folder.iterdir(), key=lambda path: _natural(path.name))
    except OSError as problem:
        reason = "it is a file, not a folder" if folder.is_file() else problem.strerror
        raise IsengardError("PHOTOS_NONE", f"The folder {folder} can't be read: {reason}.") from problem
    photos, others, folders = [], [], []
    for path in entries:
        if path.name.startswith((".", "__MACOSX")) or path.name.lower() in ("thumbs.db", "desktop.ini"):
            continue
        if path.is_dir():
            folders.append(path)
        elif path.suffix.lower() in SUFFIXES or _is_picture(path):
            photos.append(FoundPhoto(path=path, repeats=repeats))
        else:
            others.append(path)
    return photos, others, folders


def _is_picture(path: Path) -> bool:
    if not path.is_file():  # a pipe would be waited on forever
        return False
    try:
        with path.open("rb") as file:
            return picture_format(file.read(64)) is not None
    except OSError:
        return False  # nothing says that it is a photo; where the name does, it is not asked here


def _natural(name: str) -> tuple[list[tuple[int, int, str]], str]:
    """Sort key: numbers by value, letters without case."""
    parts = re.split(r"(\d+)", name.casefold())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part], name
