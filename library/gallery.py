"""The gallery: all pictures that were made, each with what made it. Files are the truth.

```
gallery/<yyyy-mm>/<id>.png    the picture, which itself carries its settings
                  <id>.json   the same settings, for lists; taken from the picture where it is missing or damaged
        .thumbnails/<id>.webp can be made again
```
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ..errors import IsengardError
from ..files import read_json, told_plainly, written_aside
from ..media.png import read_settings
from . import names, trash
from .store import Library

FORMAT = 1
"""Version of a picture's JSON; a reader refuses a newer one."""
THUMBNAIL = 384
"""Pixels of a thumbnail's longest side; smaller pictures stay as they are."""
_HIDDEN = ".thumbnails"
_DEEPEST = 50
"""So many lists and objects may lie inside each other in what a picture was made with; in ours it is a few."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One picture."""

    id: str
    created: str
    settings: Mapping[str, Any]
    """What it was made with, as `GenerationRequest.settings` gives it; empty if nobody knows."""
    problem: str = ""
    """What is wrong with its files, as a sentence; empty if nothing is."""

    @property
    def prompt(self) -> str:
        """As the person wrote it."""
        return str(self.settings.get("prompt", ""))

    @property
    def characters(self) -> tuple[str, ...]:
        """Slugs of the characters in it."""
        return tuple(dict.fromkeys(str(use["character"]) for use in self.loras if use.get("character")))

    @property
    def loras(self) -> tuple[dict[str, Any], ...]:
        """The LoRAs it was made with."""
        given = self.settings.get("loras")
        return tuple(use for use in given if isinstance(use, dict)) if isinstance(given, list) else ()

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels; zeros if nobody knows."""
        width, height = self.settings.get("width"), self.settings.get("height")
        return (width, height) if isinstance(width, int) and isinstance(height, int) else (0, 0)


def folder(library: Library) -> Path:
    """Where the gallery is."""
    return library.root / "gallery"


def add(library: Library, file: Path, settings: Mapping[str, Any]) -> Picture:
    """Takes a copy of a PNG file into the gallery. Raises DISK_FULL, FOLDER_NOT_WRITABLE or LIBRARY_BUSY."""
    moment = datetime.now(timezone.utc)
    picture = Picture(
        id=f"{moment:%Y%m%d-%H%M%S}-{moment.microsecond // 1000:03d}-{secrets.token_hex(3)}",
        created=moment.isoformat(timespec="milliseconds"),
        settings=dict(settings),
    )
    place = folder(library) / f"{moment:%Y-%m}" / f"{picture.id}.png"
    with library.changing() as change:
        change.copy(file, place)
        change.write_json(
            place.with_suffix(".json"), {"format": FORMAT, "created": picture.created, "settings": picture.settings}
        )
    return picture


def get(library: Library, picture_id: str) -> Picture:
    """One picture. Raises PICTURE_MISSING."""
    return read(path_of(library, picture_id))


def path_of(library: Library, picture_id: str) -> Path:
    """The picture's file. Raises PICTURE_MISSING; for what is no safe name, too: it names none of ours."""
    if names.is_safe(picture_id):
        usual = f"{picture_id[:4]}-{picture_id[4:6]}"
        for month in sorted(months(library), key=lambda path: path.name != usual):
            path = month / f"{picture_id}.png"
            if path.is_file() and path.resolve().is_relative_to(folder(library).resolve()):
                return path
    raise IsengardError("PICTURE_MISSING", f"There is no picture {names.shown(picture_id)}.")


def is_there(library: Library, picture_id: str) -> bool:
    """Whether the gallery has that picture."""
    try:
        return path_of(library, picture_id).is_file()
    except IsengardError:
        return False


def months(library: Library) -> Iterator[Path]:
    """The folders with pictures."""
    root = folder(library)
    if root.is_dir():
        yield from sorted(path for path in root.iterdir() if names.is_safe(path.name) and path.is_dir())


def read(path: Path) -> Picture:
    """The picture at a path; what its JSON does not tell is taken from the picture. Never fails for damage: it says so
    in `problem`."""
    problem = ""
    try:
        found = read_json(path.with_suffix(".json"), "PICTURE_CORRUPT")
        created, settings = _checked(found, path.with_suffix(".json"))
        return Picture(id=path.stem, created=created, settings=settings)
    except FileNotFoundError:
        pass  # a picture that somebody put there, or whose JSON somebody took away
    except IsengardError as error:
        problem = error.message
    try:
        settings = _plain(read_settings(path))
    except IsengardError as error:
        settings, problem = {}, problem or error.message
    return Picture(id=path.stem, created=_born(path), settings=settings, problem=problem)


def delete(library: Library, picture_id: str) -> trash.Entry:
    """Puts a picture into the trash, under its own number. Raises PICTURE_MISSING."""
    picture = get(library, picture_id)
    character = next(iter(picture.characters), "")
    label = " ".join(picture.prompt.split())[:80] or picture.id
    entry = replace(trash.new_entry("picture", label, character), id=picture.id)
    with library.changing() as change:
        path = path_of(library, picture_id)
        trash.throw_away(library, change, entry, [part for part in (path, path.with_suffix(".json")) if part.is_file()])
    with suppress(OSError):  # somebody may be looking at it, and it does no harm
        _thumbnail_file(library, picture_id).unlink()
    return entry


def restore(library: Library, picture_id: str) -> Picture:
    """Takes a picture back out of the trash. Raises PICTURE_MISSING if it is not there, LIBRARY_CONFLICT."""
    if not names.is_safe(picture_id) or not (library.trash / picture_id / folder(library).name).is_dir():
        raise IsengardError("PICTURE_MISSING", f"There is no picture {names.shown(picture_id)} in the trash.")
    trash.restore(library, picture_id)
    return get(library, picture_id)


def thumbnail(library: Library, picture_id: str) -> Path:
    """A small WebP of a picture, made when it is first asked for. Raises PICTURE_MISSING or PICTURE_CORRUPT."""
    from PIL import Image

    source, small = path_of(library, picture_id), _thumbnail_file(library, picture_id)
    if small.is_file() and small.stat().st_mtime_ns >= source.stat().st_mtime_ns:
        return small
    with told_plainly(small):
        small.parent.mkdir(parents=True, exist_ok=True)
    try:
        with Image.open(source, formats=["PNG"]) as image:
            image.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
            ready = image.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as problem:
        raise IsengardError("PICTURE_CORRUPT", f"{source.name} is no whole PNG picture.") from problem
    with written_aside(small) as aside:
        ready.save(aside, format="WEBP", quality=84, method=4)
    return small


def _checked(found: Any, path: Path) -> tuple[str, dict[str, Any]]:
    if not isinstance(found, dict) or not isinstance(found.get("settings"), dict):
        raise IsengardError("PICTURE_CORRUPT", f"{path.name} does not say what its picture was made with.")
    if not isinstance(found.get("format"), int) or found["format"] > FORMAT:
        raise IsengardError(
            "PICTURE_CORRUPT", f"{path.name} was written by a newer version of Isengard.", hint="Update Isengard."
        )
    created = found.get("created")
    if not isinstance(created, str) or len(created) > 40:
        raise IsengardError("PICTURE_CORRUPT", f"{path.name} does not say when its picture was made.")
    return _plain(created), _plain(found["settings"])


def _plain(value: Any, depth: int = 0) -> Any:
    """The same without what JSON may hold and no text file, index or answer takes: halves of surrogate pairs, numbers
    that are none. Raises PICTURE_CORRUPT for lists in lists without end."""
    if depth > _DEEPEST:
        raise IsengardError("PICTURE_CORRUPT", "What the picture was made with lies too deep in each other.")
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list):
        return [_plain(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {_plain(key): _plain(item, depth + 1) for key, item in value.items()}
    return value


def _born(path: Path) -> str:
    return datetime.fromtimestamp(path.stat().st_mtime, timezone.utc).isoformat(timespec="milliseconds")


def _thumbnail_file(library: Library, picture_id: str) -> Path:
    return folder(library) / _HIDDEN / f"{picture_id}.webp"
