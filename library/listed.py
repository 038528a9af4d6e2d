"""A photo as lists show it. The index keeps it ready-made: a page is then put together, not worked out."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote


@dataclass(frozen=True, kw_only=True)
class Photo:
    """A photo in a list."""

    character: str
    """Slug."""
    file: str
    """Name within the character: its id."""
    title: str
    rejected: bool
    state: str
    """ok; new or changed (by hand, not taken in yet), unmeasured, damaged (its record)."""
    caption: str
    has_trigger: bool
    width: int
    """Pixels of the working image; 0 if it was not measured yet."""
    height: int
    bytes: int
    added: str
    taken: str
    findings: tuple[dict[str, Any], ...]
    rotation: int
    crop: tuple[float, float, float, float] | None
    can_undo: bool
    kept: tuple[str, ...]
    note: str
    said_note: dict[str, Any]
    """The note with its code; see `sentences.as_said`."""
    version: str
    """Changes whenever anything about the photo does: an etag, and what makes a thumbnail's address new."""


@dataclass(frozen=True)
class Listed:
    """A photo's line in the index."""

    json: str
    """An object with the fields of `Photo`."""
    address: str
    """Of the picture in this version, behind the character's: `ada/images/one.jpg?v=…`, as addresses are written."""

    @property
    def photo(self) -> Photo:
        """The same as an object."""
        values = json.loads(self.json)
        for name in ("findings", "crop", "kept"):
            values[name] = None if values[name] is None else tuple(values[name])
        return Photo(**values)


def listed(row: sqlite3.Row) -> Listed:
    """The line of a row of the index, all else of which is known."""
    record = json.loads(row["record"]) if row["record"] else {}
    edit = record.get("edit") or {}
    version = hashlib.sha256(f"{row['signature']} {row['findings']}".encode()).hexdigest()[:16]
    plain = ("file", "title", "state", "caption", "width", "height", "bytes", "added", "taken")
    note = json.loads(row["note"])
    values = {
        "character": row["slug"],
        "note": note["message"],
        "said_note": note,
        **{name: row[name] for name in plain},
        "rejected": bool(row["rejected"]),
        "has_trigger": bool(row["has_trigger"]),
        "findings": json.loads(row["findings"]),
        "rotation": edit.get("rotation", 0),
        "crop": edit.get("crop") or None,
        "can_undo": bool(record.get("history")),
        "kept": record.get("kept", []),
        "version": version,
    }
    return Listed(
        json.dumps(values, ensure_ascii=False, separators=(",", ":")),
        f"{quote(row['slug'])}/images/{quote(row['file'])}?v={version}",
    )
