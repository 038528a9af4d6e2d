"""Clears away what killed processes left half-written beside the library's small files: records, lists, thumbnails.

What belongs to characters is the journal's and `.scratch/`'s business, what a trainer left the next trainer's.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from ..files import remove, writer_of
from ..process import birth_time
from .store import Library

_LEFT_ALONE = ("characters", "trash", "undo", "models", "logs", "backups")
"""Folders of the library in which nothing is written aside but through the journal, or by others."""


def clear(library: Library) -> int:
    """Removes them if their process is gone; gives how many. Never fails: they are in nobody's way.

    Processes of another machine or container count as gone: on a shared disk one that writes at this very moment is
    told that it could not.
    """
    folders = [library.root, library.loras]
    with suppress(OSError):
        folders += [Path(entry.path) for entry in os.scandir(library.jobs) if entry.is_dir(follow_symlinks=False)]
    with suppress(OSError):
        for entry in os.scandir(library.root):
            if entry.is_dir(follow_symlinks=False) and entry.name[0] != "." and entry.name not in _LEFT_ALONE:
                deep = os.walk(entry.path) if Path(entry.path) != library.jobs else [(entry.path, [], [])]
                folders += [Path(place) for place, _, _ in deep]
    return sum(_clear(folder) for folder in dict.fromkeys(folders))


def _clear(folder: Path) -> int:
    gone = 0
    with suppress(OSError):
        for entry in os.scandir(folder):
            writer = writer_of(entry.name)
            if writer and entry.is_file(follow_symlinks=False) and not birth_time(writer):
                with suppress(OSError):
                    remove(Path(entry.path))
                    gone += 1
    return gone
