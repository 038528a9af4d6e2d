"""Lists of the gallery, quick with many thousand pictures: a SQLite file that can be deleted; all in it is read from
files, again where a folder's or a file's time says that something changed."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import IsengardError
from . import gallery, names
from .connections import Tables, place_of
from .cursors import packed, unpacked
from .damaged import asked_again
from .gallery import Picture
from .store import Library

MOST = 500
"""Pictures on a page."""
_RECENT_NS = 2_000_000_000
"""A folder that changed so shortly before it was looked at may change again within one tick of its clock."""
_TABLES = Tables(
    version=1,
    sql="""
CREATE TABLE pictures (
    id TEXT PRIMARY KEY, month TEXT, signature TEXT, created TEXT, characters TEXT, loras TEXT, words TEXT,
    settings TEXT, problem TEXT
);
CREATE INDEX by_time ON pictures (created, id);
CREATE TABLE months (name TEXT PRIMARY KEY, signature TEXT);
""",
)


@dataclass(frozen=True, kw_only=True)
class Query:
    """What to list. Everything that is given must hold."""

    character: str = ""
    """Slug."""
    lora: str = ""
    """Id."""
    text: str = ""
    """Words that all must stand in the prompt, in any order."""
    cursor: str = ""
    """Of the page before."""
    limit: int = 60


@dataclass(frozen=True, kw_only=True)
class Page:
    """Pictures, the newest first."""

    pictures: tuple[Picture, ...]
    cursor: str
    """For the next page; empty on the last."""
    total: int
    """How many the filters let through."""
    damaged: int
    """How many in the gallery have a `problem`."""


@asked_again
def search(library: Library, query: Query) -> Page:
    """Answers a query, after a look whether files changed. Raises QUERY_INVALID."""
    if not 1 <= query.limit <= MOST:
        raise IsengardError("QUERY_INVALID", f"limit must be 1–{MOST}, got {query.limit}.")
    where, values = _conditions(query)
    at, place = ("(created, id) < (?, ?)", unpacked(query.cursor, 2)) if query.cursor else ("1", [])
    with library.connections.to(place_of(library.root, "gallery.sqlite"), _TABLES) as index:
        _refresh(library, index)
        total = index.execute(f"SELECT count(*) FROM pictures WHERE {where}", values).fetchone()[0]
        damaged = index.execute("SELECT count(*) FROM pictures WHERE problem != ''").fetchone()[0]
        rows = index.execute(
            f"SELECT id, created, settings, problem FROM pictures WHERE {where} AND {at} "
            "ORDER BY created DESC, id DESC LIMIT ?",
            [*values, *place, query.limit + 1],
        ).fetchall()
    found = [Picture(id=row[0], created=row[1], settings=json.loads(row[2]), problem=row[3]) for row in rows]
    more = len(found) > query.limit
    found = found[: query.limit]
    cursor = packed([found[-1].created, found[-1].id]) if more else ""
    return Page(pictures=tuple(found), cursor=cursor, total=int(total), damaged=int(damaged))


def _conditions(query: Query) -> tuple[str, list[str]]:
    conditions, values = ["1"], []
    for column, given in (("characters", query.character), ("loras", query.lora)):
        if given:
            conditions.append(f"instr({column}, ?)")
            values.append(f"|{given}|")
    for word in names.folded(query.text.encode("utf-8", "replace").decode()).split():
        conditions.append("instr(words, ?)")
        values.append(word)
    return " AND ".join(conditions), values


def _refresh(library: Library, index: sqlite3.Connection) -> None:
    """Reads again what changed since the last time, month by month."""
    known = dict(index.execute("SELECT name, signature FROM months").fetchall())
    there = {path.name: path for path in gallery.months(library)}
    now = {name: _signature(path) for name, path in there.items()}
    stale = [name for name in {*known, *now} if known.get(name) != now.get(name)]
    if not stale:
        return
    index.execute("BEGIN IMMEDIATE")
    for name in stale:
        _refresh_month(index, name, there.get(name))
        if name in now:
            index.execute("INSERT OR REPLACE INTO months VALUES (?, ?)", (name, now[name]))
        else:
            index.execute("DELETE FROM months WHERE name = ?", (name,))
    index.execute("COMMIT")


def _refresh_month(index: sqlite3.Connection, name: str, path: Path | None) -> None:
    known = dict(index.execute("SELECT id, signature FROM pictures WHERE month = ?", (name,)).fetchall())
    found = _on_disk(path) if path else {}
    index.executemany(
        "DELETE FROM pictures WHERE id = ? AND month = ?", ((one, name) for one in known if one not in found)
    )
    for picture_id, signature in found.items():
        if known.get(picture_id) != signature and path is not None:
            try:
                picture = gallery.read(path / f"{picture_id}.png")
            except OSError:
                continue  # it went this moment
            index.execute(
                "INSERT OR REPLACE INTO pictures VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", _row(picture, name, signature)
            )


def _row(picture: Picture, month: str, signature: str) -> tuple[str, ...]:
    loras = [str(use["lora"]) for use in picture.loras if use.get("lora")]
    words = f"{picture.prompt} {picture.settings.get('sent', '')}"
    return (
        picture.id,
        month,
        signature,
        picture.created,
        f"|{'|'.join(picture.characters)}|",
        f"|{'|'.join(loras)}|",
        names.folded(words),
        json.dumps(picture.settings, ensure_ascii=False),
        picture.problem,
    )


def _on_disk(path: Path) -> dict[str, str]:
    """The pictures in a folder, each with a signature of its files' sizes and times."""
    signs: dict[str, dict[str, str]] = {}
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                stem, dot, ending = entry.name.rpartition(".")
                if dot and ending in ("png", "json") and names.is_safe(entry.name) and entry.is_file():
                    with suppress(FileNotFoundError):  # it went this moment; the others are still there
                        found = entry.stat()
                        signs.setdefault(stem, {})[ending] = f"{found.st_size}.{found.st_mtime_ns}"
    except FileNotFoundError:
        return {}
    return {stem: f"{files['png']} {files.get('json', '')}" for stem, files in signs.items() if "png" in files}


def _signature(path: Path) -> str:
    """Changes when a file appears, goes or is replaced. Never the same twice for a folder that changed just now."""
    mtime = path.stat().st_mtime_ns
    moment = time.time_ns()
    return f"{mtime} {moment}" if abs(moment - mtime) < _RECENT_NS else str(mtime)
