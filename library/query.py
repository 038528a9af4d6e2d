"""One question about all photos: filtered, searched, sorted, a page at a time."""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import IsengardError
from . import index, names
from .cursors import packed, unpacked
from .damaged import asked_again
from .listed import Listed, Photo
from .store import Library

SORTS = {
    "added": "added",
    "taken": "taken",
    "name": "file",
    "title": "title",
    "size": "pixels",
    "bytes": "bytes",
    "findings": "severity",
    "caption": "caption",
}
"""By what photos can be sorted, and the column that has it."""
CAPTIONS = ("any", "empty", "present", "without_trigger")
STATES = ("ok", "new", "changed", "unmeasured", "damaged")
MOST = 500
"""Photos on a page."""


@dataclass(frozen=True, kw_only=True)
class Query:
    """What to list. Everything that is given must hold."""

    characters: tuple[str, ...] = ()
    """Slugs; none: all."""
    findings: tuple[str, ...] = ()
    """Codes; a photo needs one of them, not overruled. `any` and `none` are special."""
    captions: str = "any"
    text: str = ""
    """Words that all must stand in the caption, the title or the name, in any order."""
    rejected: bool | None = None
    states: tuple[str, ...] = ()
    added_from: str = ""
    """ISO time, inclusive."""
    added_to: str = ""
    """ISO time, exclusive."""
    least_side: int = 0
    """Pixels that the shorter side has at least."""
    most_side: int = 0
    """Pixels that the shorter side has at most; 0: no limit."""
    sort: str = "added"
    descending: bool = False
    cursor: str = ""
    """Of the page before."""
    limit: int = 100

    def __post_init__(self) -> None:
        problems = []
        for name, allowed in (("sort", tuple(SORTS)), ("captions", CAPTIONS)):
            if getattr(self, name) not in allowed:
                problems.append(f"{name} must be one of {', '.join(allowed)}, got {getattr(self, name)!r}.")
        problems += [f"states must be among {', '.join(STATES)}, got {s!r}." for s in self.states if s not in STATES]
        if not 1 <= self.limit <= MOST:
            problems.append(f"limit must be 1–{MOST}, got {self.limit}.")
        for value in vars(self).values():
            if not names.is_text("".join(value) if isinstance(value, tuple) else str(value)):
                problems.append(f"{value!r} is no text.")
        if problems:
            raise IsengardError("QUERY_INVALID", " ".join(problems), problems=problems)


@dataclass(frozen=True, kw_only=True)
class Page:
    """Photos, and how many there are in all."""

    listed: tuple[Listed, ...]
    cursor: str
    """For the next page; empty on the last."""
    total: int
    totals: Mapping[str, Any]
    """Of all that the filters let through: rejected, uncaptioned, waiting, by_character, by_finding."""

    @functools.cached_property
    def photos(self) -> tuple[Photo, ...]:
        """What is listed, as objects."""
        return tuple(line.photo for line in self.listed)


@asked_again
def search(library: Library, query: Query) -> Page:
    """Answers a query from the index, which is brought up to date first. Raises QUERY_INVALID."""
    if len(query.characters) == 1:
        library.folder(query.characters[0])
        index.refresh(library, query.characters[0])
    else:
        index.refresh_changed(library)
    where, values = _conditions(query)
    with index.connected(library) as connection:
        rows = _rows(connection, query, where, values)
    total, totals = _totals(library, index.stamp(library), where, tuple(values))
    more = len(rows) > query.limit
    rows = rows[: query.limit]
    cursor = packed([query.sort, query.descending, *_place(query, rows[-1])]) if more else ""
    return Page(listed=tuple(map(_line, rows)), cursor=cursor, total=total, totals=totals)


def one(library: Library, slug: str, file: str) -> Photo:
    """One photo. Raises PHOTO_MISSING, CHARACTER_MISSING, NAME_INVALID."""
    return line(library, slug, file).photo


@asked_again
def line(library: Library, slug: str, file: str) -> Listed:
    """The same as lists show it."""
    library.folder(slug)
    index.refresh(library, slug)
    with index.connected(library) as connection:
        row = connection.execute(
            "SELECT listed, address FROM photos WHERE slug = ? AND file = ?", (slug, file)
        ).fetchone()
    if row is None:
        raise IsengardError("PHOTO_MISSING", f"{slug} has no photo {file[:80]!r}.")
    return _line(row)


@asked_again
def keys(library: Library, query: Query) -> list[tuple[str, str]]:
    """The keys of all photos that the filters let through, for what is done to all; page and sort don't count."""
    index.refresh_changed(library)
    where, values = _conditions(query)
    with index.connected(library) as connection:
        rows = connection.execute(f"SELECT slug, file FROM photos WHERE {where} ORDER BY slug, file", values)
        return [(row["slug"], row["file"]) for row in rows]


def _conditions(query: Query) -> tuple[str, list[Any]]:
    parts: list[str] = ["1"]
    values: list[Any] = []

    def need(condition: str, *given: Any) -> None:
        parts.append(condition)
        values.extend(given)

    if query.characters:
        need(f"slug IN ({_marks(query.characters)})", *query.characters)
    if query.rejected is not None:
        need("rejected = ?", int(query.rejected))
    if query.states:
        need(f"state IN ({_marks(query.states)})", *query.states)
    if query.captions != "any":
        need(
            {"empty": "caption = ''", "present": "caption != ''", "without_trigger": "has_trigger = 0"}[query.captions]
        )
    for word in query.text.casefold().split():
        need("words LIKE ? ESCAPE '\\'", f"%{_escaped(word)}%")
    if query.added_from:
        need("added >= ?", query.added_from)
    if query.added_to:
        need("added < ?", query.added_to)
    if query.least_side:
        need("min(width, height) >= ?", query.least_side)
    if query.most_side:
        need("min(width, height) <= ? AND width > 0", query.most_side)
    if query.findings:
        _need_findings(query.findings, need)
    return " AND ".join(parts), values


def _need_findings(codes: tuple[str, ...], need: Any) -> None:
    live = "SELECT 1 FROM findings f WHERE f.slug = photos.slug AND f.file = photos.file AND f.level != 'kept'"
    either, given = [], []
    for code in codes:
        if code == "any":
            either.append(f"EXISTS ({live})")
        elif code == "none":
            either.append(f"(state = 'ok' AND NOT EXISTS ({live}))")
        else:
            either.append(f"EXISTS ({live} AND f.code = ?)")
            given.append(code)
    need(f"({' OR '.join(either)})", *given)


def _rows(connection: sqlite3.Connection, query: Query, where: str, values: list[Any]) -> list[sqlite3.Row]:
    column = SORTS[query.sort]
    way, beyond = ("DESC", "<") if query.descending else ("ASC", ">")
    extra: list[Any] = []
    if query.cursor:
        extra = _behind(query)
        where += f" AND ({column}, slug, file) {beyond} (?, ?, ?)"
    return connection.execute(
        f"SELECT slug, file, listed, address, {column} FROM photos WHERE {where}"
        f" ORDER BY {column} {way}, slug {way}, file {way} LIMIT ?",
        [*values, *extra, query.limit + 1],
    ).fetchall()


@functools.lru_cache(maxsize=32)
def _totals(
    library: Library, _stamp: tuple[int, ...], where: str, values: tuple[Any, ...]
) -> tuple[int, dict[str, Any]]:
    """Counts over all that the filters let through; counted again only when the index has changed."""
    with index.connected(library) as connection:
        sums = connection.execute(
            "SELECT count(*) AS total, coalesce(sum(rejected), 0) AS rejected,"
            " coalesce(sum(caption = ''), 0) AS uncaptioned,"
            f" coalesce(sum(state IN ('new', 'changed', 'unmeasured')), 0) AS waiting FROM photos WHERE {where}",
            values,
        ).fetchone()
        people = connection.execute(f"SELECT slug, count(*) FROM photos WHERE {where} GROUP BY slug", values).fetchall()
        codes = connection.execute(
            "SELECT findings.code, count(*) FROM photos JOIN findings USING (slug, file)"
            f" WHERE findings.level != 'kept' AND {where} GROUP BY findings.code",
            values,
        ).fetchall()
    totals = {name: sums[name] for name in ("rejected", "uncaptioned", "waiting")}
    return sums["total"], {**totals, "by_character": dict(people), "by_finding": dict(codes)}


def _line(row: sqlite3.Row) -> Listed:
    return Listed(row["listed"], row["address"])


def _place(query: Query, row: sqlite3.Row) -> list[str | int]:
    """By what a photo is sorted; no two have the same."""
    return [row[SORTS[query.sort]], row["slug"], row["file"]]


def _behind(query: Query) -> list[Any]:
    """The place of the last photo of the page before. Raises QUERY_INVALID."""
    sort, descending, *place = unpacked(query.cursor, 5)
    if (sort, descending) != (query.sort, query.descending):
        raise IsengardError(
            "QUERY_INVALID", "cursor can't be used: it belongs to another order.", hint="Begin at the first page."
        )
    return place


def _marks(values: tuple[str, ...]) -> str:
    return ", ".join("?" for _ in values)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
