"""Guides: pictures that somebody gives to steer others by (poses, edges, a look). Kept for a month, listed nowhere."""

from __future__ import annotations

import re
import secrets
import shutil
import time
from contextlib import suppress
from pathlib import Path

from ..errors import IsengardError
from ..files import told_plainly, written_aside
from . import scratch
from .store import Library

KEPT_SECONDS = 30 * 24 * 3600
_ID = re.compile(r"guide-[0-9a-f]{16}")


def add(library: Library, data: bytes) -> str:
    """Keeps a picture as a photo is kept: upright, sRGB, without notes, 2048 pixels at most. Returns its id.

    Raises PHOTO_UNREADABLE for what is no picture whatever its name says, PHOTO_TOO_LARGE or PHOTO_TOO_SMALL.
    """
    guide = f"guide-{secrets.token_hex(8)}"
    place = _folder(library) / f"{guide}.png"
    with scratch.workspace(library.scratch, "guide") as desk:
        given = desk.path / "The picture"  # what is told of it begins so
        with told_plainly(place):
            given.write_bytes(data)
            place.parent.mkdir(parents=True, exist_ok=True)
        with library.workers.take(given, keep_original=False, ending=".png") as (_, out), written_aside(place) as aside:
            shutil.copyfile(out / "working", aside)
    clear(library)
    return guide


def path_of(library: Library, guide: str) -> Path:
    """The guide's file. Raises GUIDE_MISSING."""
    path = _folder(library) / f"{guide}.png"
    if not _ID.fullmatch(guide) or not path.is_file():
        raise IsengardError("GUIDE_MISSING", f"There is no guide {guide[:40]!r}.")
    return path


def clear(library: Library, older_than: float = KEPT_SECONDS) -> None:
    """Removes guides that are older than so many seconds."""
    for path in _folder(library).glob("guide-*.png"):
        with suppress(OSError):  # another one clears away, too; on Windows somebody may be reading it
            if time.time() - path.stat().st_mtime > older_than:
                path.unlink()


def _folder(library: Library) -> Path:
    return library.root / "guides"
