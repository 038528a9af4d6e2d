"""The index: a SQLite file that makes lists of photos quick. It can be deleted; everything in it is read from files.

A photo's row carries a signature of the files it was read from (sizes and times). `refresh` compares the signatures of
a character with the disk and reads again what differs; `refresh_changed` does so where folders changed.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from .. import settings
from ..errors import IsengardError
from . import characters
from .characters import Character
from .connections import Tables, place_of
from .folders import WATCHED, CharacterFolder
from .index_rows import COLUMNS, on_disk, read_row
from .listed import listed
from .report.findings import TRAINING_SIZE, Finding, photo_findings, set_findings
from .report.measures import Measures
from .store import Library

_RECENT_NS = 2_000_000_000
"""A folder that changed so shortly before it was looked at may change again within one tick of its clock."""
_TABLES = Tables(
    version=5,
    sql="""
CREATE TABLE photos (
    slug TEXT, file TEXT, signature TEXT, rejected INTEGER, state TEXT, title TEXT, caption TEXT, words TEXT,
    has_trigger INTEGER, width INTEGER, height INTEGER, pixels INTEGER, bytes INTEGER, added TEXT, taken TEXT,
    severity INTEGER, findings TEXT, measures TEXT, record TEXT, note TEXT, listed TEXT, address TEXT,
    PRIMARY KEY (slug, file)
);
CREATE INDEX photos_by_added ON photos (added, slug, file);
CREATE TABLE findings (slug TEXT, file TEXT, code TEXT, level TEXT, PRIMARY KEY (slug, file, code));
CREATE INDEX findings_by_code ON findings (code, level);
CREATE TABLE folders (slug TEXT PRIMARY KEY, signature TEXT);
""",
)
_SEVERITY = {"reject": 3, "warn": 2, "info": 1}


def connected(library: Library) -> AbstractContextManager[sqlite3.Connection]:
    """The index; see `Connections.to`."""
    return library.connections.to(_file(library), _TABLES)


def stamp(library: Library) -> tuple[int, ...]:
    """Changes with everything that is written into the index."""
    path = _file(library)
    found: list[int] = []
    for file in (path, path.with_name(f"{path.name}-wal")):
        try:
            status = file.stat()
            found += [status.st_mtime_ns, status.st_size, status.st_ino]
        except OSError:
            found.append(0)
    return tuple(found)


def refresh_changed(library: Library) -> list[str]:
    """Brings the characters up to date whose folders changed since they were last read. Returns their slugs."""
    slugs, place = library.slugs(), str(library.characters)
    with connected(library) as index:
        known = dict(index.execute("SELECT slug, signature FROM folders").fetchall())
    gone = sorted(set(known) - set(slugs))
    stale = [slug for slug in slugs if known.get(slug) != _folder_signature(f"{place}/{slug}")]
    for slug in (*stale, *gone):
        refresh(library, slug)
    return [*stale, *gone]


def refresh(library: Library, slug: str) -> bool:
    """Brings one character up to date, file by file. Returns whether anything differed.

    Files are read before the index is locked: others need not wait while thousands are.
    """
    folder = CharacterFolder(library.characters / slug)
    signature = _folder_signature(str(folder.path))
    known_as, usable = _character(library, slug)
    trigger, size = (known_as.trigger_word, known_as.training_size) if known_as else ("", TRAINING_SIZE)
    found = on_disk(folder, f"{trigger} {size}") if usable else {}
    with connected(library) as index:
        known = _signatures(index, slug)
    changed = [file for file, item in found.items() if known.get(file) != item.signature]
    differing = [*(file for file in known if file not in found), *changed]
    rows = {file: read_row(folder, file, found[file], trigger) for file in changed}
    with connected(library) as index:
        index.execute("BEGIN IMMEDIATE")
        now = _signatures(index, slug) if differing else known
        mine = {file for file in differing if now.get(file) == known.get(file)}  # of others somebody knows more by now
        _write(index, slug, mine, [row for file, row in rows.items() if file in mine])
        if mine:
            _judge(index, slug, size)
            _list(index, slug)
        if usable and len(mine) == len(differing):
            index.execute("INSERT OR REPLACE INTO folders VALUES (?, ?)", (slug, signature))
        else:
            index.execute("DELETE FROM folders WHERE slug = ?", (slug,))
    return bool(differing)


def _signatures(index: sqlite3.Connection, slug: str) -> dict[str, str]:
    """By photo, of the files that it was read from."""
    return dict(index.execute("SELECT file, signature FROM photos WHERE slug = ?", (slug,)).fetchall())


def _write(index: sqlite3.Connection, slug: str, files: Iterable[str], rows: Iterable[tuple[Any, ...]]) -> None:
    """These rows in place of what was known of these files."""
    keys = [(slug, file) for file in files]
    index.executemany("DELETE FROM photos WHERE slug = ? AND file = ?", keys)
    index.executemany("DELETE FROM findings WHERE slug = ? AND file = ?", keys)
    marks = ", ".join("?" for _ in COLUMNS)
    index.executemany(f"INSERT INTO photos ({', '.join(COLUMNS)}) VALUES ({marks})", rows)


def measures_of(row: Mapping[str, Any]) -> Measures | None:
    """What was measured of a photo, from its row."""
    return Measures.from_dict(json.loads(row["measures"])) if row["measures"] else None


def _file(library: Library) -> Path:
    return place_of(library.root, library.index_file.name)


def _character(library: Library, slug: str) -> tuple[Character | None, bool]:
    """The character, if its file is sound, and whether there is one at all."""
    try:
        return characters.get(library, slug), True
    except IsengardError as problem:
        return None, problem.code not in ("CHARACTER_MISSING", "NAME_INVALID")


def _folder_signature(folder: str) -> str:
    """Changes when a file appears, goes or is replaced. Never the same twice for a folder that changed just now.

    Asked for every character at every list, so it makes no path objects.
    """
    parts = [settings.default_family()]  # photos are judged by its size
    newest = 0
    for name in WATCHED:
        try:
            mtime = os.stat(f"{folder}/{name}").st_mtime_ns  # noqa: PTH116 (see above)
        except OSError:
            mtime = 0
        newest = max(newest, mtime)
        parts.append(str(mtime))
    moment = time.time_ns()
    if abs(moment - newest) < _RECENT_NS:
        parts.append(str(moment))
    return " ".join(parts)


def _judge(index: sqlite3.Connection, slug: str, size: int) -> None:
    """Finds again what the set as a whole shows; a rejected photo is judged by itself and no twin of others."""
    rows = index.execute(
        "SELECT file, rejected, measures, record, findings FROM photos WHERE slug = ?", (slug,)
    ).fetchall()
    measures = {row["file"]: known for row in rows if (known := measures_of(row)) is not None}
    kept = {row["file"]: frozenset(json.loads(row["record"])["kept"]) for row in rows if row["record"]}
    judged: dict[str, Sequence[Finding]] = dict(
        set_findings(
            {row["file"]: measures[row["file"]] for row in rows if row["file"] in measures and not row["rejected"]},
            kept,
            resolution=size,
        )
    )
    for row in rows:
        file = row["file"]
        if row["rejected"] and file in measures:
            judged[file] = photo_findings(measures[file], kept=kept.get(file, frozenset()), resolution=size)
        found = judged.get(file, [])
        text = json.dumps([finding.as_dict() for finding in found], ensure_ascii=False)
        if text == row["findings"]:
            continue
        severity = max((_SEVERITY.get(finding.level, 0) for finding in found), default=0)
        index.execute(
            "UPDATE photos SET findings = ?, severity = ?, listed = NULL WHERE slug = ? AND file = ?",
            (text, severity, slug, file),
        )
        index.execute("DELETE FROM findings WHERE slug = ? AND file = ?", (slug, file))
        index.executemany(
            "INSERT OR REPLACE INTO findings VALUES (?, ?, ?, ?)",
            [(slug, file, finding.code, finding.level) for finding in found],
        )


def _list(index: sqlite3.Connection, slug: str) -> None:
    """Makes the lines that lists show, of photos about which something has changed."""
    rows = index.execute("SELECT * FROM photos WHERE slug = ? AND listed IS NULL", (slug,)).fetchall()
    lines = ((listed(row), row["file"]) for row in rows)
    index.executemany(
        "UPDATE photos SET listed = ?, address = ? WHERE slug = ? AND file = ?",
        ((line.json, line.address, slug, file) for line, file in lines),
    )
