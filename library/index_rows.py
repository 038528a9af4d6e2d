"""Reads a character's files into rows of the index."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import IsengardError
from ..files import read_json
from ..media.captions import has_trigger
from ..media.pictures import SUFFIXES
from ..media.pixels import known_note
from ..sentences import Said, as_said, several
from . import names
from .folders import CharacterFolder
from .photo_files import caption_beside, stamps_of
from .records import Record, read_record
from .report.measures import Measures

COLUMNS = (
    "slug", "file", "signature", "rejected", "state", "title", "caption", "words", "has_trigger", "width", "height",
    "pixels", "bytes", "added", "taken", "severity", "findings", "measures", "record", "note",
)  # fmt: skip
"""What `read_row` gives, in order."""


@dataclass(frozen=True)
class Found:
    """A photo's files on the disk."""

    path: Path
    rejected: bool
    size: int
    mtime: int
    signature: str


def on_disk(folder: CharacterFolder, judged_by: str) -> dict[str, Found]:
    """A character's photos and what their signatures are made of; what they are judged by is part of these."""
    records = stamps_of(folder.records)
    measured = stamps_of(folder.measured)
    found: dict[str, Found] = {}
    for place, rejected in ((folder.rejected, True), (folder.images, False)):
        files = stamps_of(place)
        for name, (size, mtime) in files.items():
            if Path(name).suffix.lower() not in SUFFIXES or not names.is_safe(name):
                continue
            sides = (
                files.get(f"{Path(name).stem}.txt"),
                records.get(f"{name}.json"),
                measured.get(f"{name}.json"),
            )
            signature = f"{rejected} {size} {mtime} {sides} {judged_by}"
            found[name] = Found(place / name, rejected, size, mtime, signature)
    return found


def read_row(folder: CharacterFolder, file: str, found: Found, trigger: str) -> tuple[Any, ...]:
    """Everything about a photo but its findings, which the set as a whole decides."""
    notes: list[str] = []
    caption = ""
    try:
        caption = caption_beside(found.path)
    except IsengardError as problem:
        notes.append(Said("photo.caption_unreadable", problem.message))
    record, state = _record(folder, file, found, notes)
    notes += [known_note(record.note)] if record and record.note else []
    measures = _measures(folder, file, record) if record and state == "ok" else None
    source = (record.source if record else None) or {}
    title = record.title if record else file
    return (
        folder.slug,
        file,
        found.signature,
        int(found.rejected),
        state if measures or state != "ok" else "unmeasured",
        title,
        caption,
        f"{caption}\n{title}\n{file}".casefold(),
        int(has_trigger(caption, trigger)),
        measures.width if measures else 0,
        measures.height if measures else 0,
        measures.width * measures.height if measures else 0,
        found.size,
        record.added if record else "",
        source.get("taken") or "",
        0,
        "[]",
        json.dumps(measures.as_dict()) if measures else "",
        json.dumps(record.as_dict()) if record else "",
        json.dumps(as_said(several(notes) if notes else "")),
    )


def _record(folder: CharacterFolder, file: str, found: Found, notes: list[str]) -> tuple[Record | None, str]:
    """A photo's record, and its state: ok, new (put there by hand), changed (by hand) or damaged (its record is)."""
    try:
        record = read_record(folder, file)
    except IsengardError as problem:
        notes.append(Said("photo.record_damaged", problem.message))
        return None, "damaged"
    if record is None:
        return None, "new"
    if (found.size, found.mtime) == (record.size, record.mtime):
        return record, "ok"
    return record, "ok" if record.is_of(found.path) else "changed"


def _measures(folder: CharacterFolder, file: str, record: Record) -> Measures | None:
    """What was measured of the working image that is there now; None if it must be measured again."""
    try:
        found = read_json(folder.measured / f"{file}.json")
        return Measures.from_dict(found["measures"]) if found["working"] == record.working else None
    except (IsengardError, OSError, KeyError, TypeError, ValueError, AttributeError):
        return None
