"""What is known of a photo beside its pixels: where it comes from, how it is cropped, what a person decided."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from ..errors import IsengardError
from ..files import read_json
from .folders import CharacterFolder
from .names import is_text

FORMAT = 1
"""Version of a record; a reader refuses a newer one."""
MAX_HISTORY = 50
"""So many crops and turns can be undone."""
_LARGEST = 1e15
"""Of a number: what is no number or has no end is not below it."""
MIN_CROP = 0.02
"""Smallest side of a crop, as a share of the picture's."""

Crop = tuple[float, float, float, float]
"""Left, top, width, height: shares of the turned picture, each 0–1."""


@dataclass(frozen=True, kw_only=True)
class Edit:
    """How the working image is made from the original: turned first, then cropped."""

    rotation: int = 0
    """Degrees clockwise: 0, 90, 180 or 270."""
    crop: Crop | None = None

    def checked(self) -> Edit:
        """The same with tidy numbers. Raises EDIT_INVALID."""
        given: Any = self.crop  # may come from JSON, whatever its type says
        if isinstance(self.rotation, bool) or self.rotation not in (0, 90, 180, 270):
            raise IsengardError("EDIT_INVALID", f"rotation must be 0, 90, 180 or 270, got {self.rotation!r}.")
        if given is None:
            return self
        numbers = tuple(given)
        good = len(numbers) == 4 and all(isinstance(n, int | float) and not isinstance(n, bool) for n in numbers)
        if not good or not all(0 <= n <= 1 for n in numbers):
            raise IsengardError(
                "EDIT_INVALID", f"crop must be four shares 0–1 (left, top, width, height), got {self.crop!r}."
            )
        left, top, width, height = (round(float(n), 5) for n in numbers)
        if width < MIN_CROP or height < MIN_CROP or left + width > 1.001 or top + height > 1.001:
            raise IsengardError(
                "EDIT_INVALID", f"crop must lie inside the picture and be at least {MIN_CROP:.0%} wide and high."
            )
        crop = (left, top, min(width, 1 - left), min(height, 1 - top))
        return replace(self, crop=None if min(width, height) >= 1 else crop)

    def turned(self, rotation: int) -> Edit:
        """The same part of the picture, turned otherwise."""
        crop = self.crop
        for _ in range((rotation - self.rotation) // 90 % 4):
            crop = crop and (max(0.0, 1 - crop[1] - crop[3]), crop[0], crop[3], crop[2])
        return replace(self, rotation=rotation, crop=crop)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"rotation": self.rotation, "crop": list(self.crop) if self.crop else None}


@dataclass(frozen=True, kw_only=True)
class Record:
    """One photo's record, `records/<file>.json`."""

    title: str = ""
    """The name it came with, for people."""
    original: str = ""
    """File in originals/; empty if the working image is itself what was given."""
    sha256: str = ""
    """Hash of the bytes that were given."""
    working: str = ""
    """Hash of the working image as we left it: another one means that it was edited by hand."""
    size: int = 0
    """Bytes of the working image as we left it, and"""
    mtime: int = 0
    """when it was written, in ns since 1970: as long as both are the same it need not be hashed."""
    added: str = ""
    edit: Edit = Edit()
    history: tuple[Edit, ...] = ()
    """Former edits, the latest last."""
    kept: tuple[str, ...] = ()
    """Findings that a person overruled."""
    source: Mapping[str, Any] | None = None
    """What the given file says of itself: format, size, camera, when it was taken."""
    note: str = ""
    """What was tolerated when it was read."""
    format: int = FORMAT

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        values = {**asdict(self), "edit": self.edit.as_dict(), "history": [edit.as_dict() for edit in self.history]}
        return {**values, "kept": list(self.kept)}

    def is_of(self, working: Path) -> bool:
        """Whether the working image is still the one that we left; not if it is gone or another program holds it."""
        try:
            found = working.stat()
            if (found.st_size, found.st_mtime_ns) == (self.size, self.mtime):
                return True
            return hashlib.sha256(working.read_bytes()).hexdigest() == self.working
        except OSError:
            return False

    def edited(self, edit: Edit) -> Record:
        """With another edit; the present one can be undone."""
        return replace(self, edit=edit, history=(*self.history, self.edit)[-MAX_HISTORY:])


def read_record(folder: CharacterFolder, file: str) -> Record | None:
    """The record of a photo; None if it has none yet (put there by hand). Raises RECORD_CORRUPT, NAME_INVALID."""
    path = folder.record(file)
    try:
        found = read_json(path, "RECORD_CORRUPT")
    except FileNotFoundError:
        return None
    return record_from_dict(found, str(path))


def record_from_dict(found: Any, where: str) -> Record:
    """Checks what stands in a record's file. Raises RECORD_CORRUPT, LIBRARY_NEWER."""
    try:
        if isinstance(found.get("format"), int) and found["format"] > FORMAT:
            raise IsengardError("LIBRARY_NEWER", f"{where} was written by a newer version of Isengard.")
        known = {item.name for item in fields(Record)}
        values = {name: value for name, value in found.items() if name in known}
        for name in ("title", "original", "sha256", "working", "added", "note"):
            if not isinstance(values.get(name, ""), str) or not _is_text(values.get(name, "")):
                raise ValueError(f"{name} is no text")
        for name in ("size", "mtime"):
            if not isinstance(values.get(name, 0), int):
                raise ValueError(f"{name} is no number")
        values["edit"] = _edit(found.get("edit"))
        values["history"] = tuple(_edit(item) for item in found.get("history", ()))
        values["kept"] = tuple(str(item) for item in found.get("kept", ()))
        if not _is_plain(values.get("source")):
            raise ValueError("source is no object of texts and numbers")
        return Record(**values)
    except IsengardError as problem:
        if problem.code == "LIBRARY_NEWER":
            raise
        raise IsengardError("RECORD_CORRUPT", f"{where} can't be used: {problem.message}") from problem
    except (AttributeError, TypeError, ValueError) as problem:
        raise IsengardError("RECORD_CORRUPT", f"{where} can't be used: {problem}.") from problem


def _is_plain(source: Any) -> bool:
    """Whether the index can keep all of it."""
    if source is None:
        return True
    if not isinstance(source, dict):
        return False
    return all(value is None or _is_number(value) or _is_text(value) for value in source.values())


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and abs(value) < _LARGEST


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and is_text(value)


def _edit(found: Any) -> Edit:
    if found is None:
        return Edit()
    crop = found.get("crop")
    return Edit(rotation=found.get("rotation", 0), crop=tuple(crop) if crop else None).checked()
