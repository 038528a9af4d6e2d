"""A job's log, read like a window onto a large file: filtered, from its end or onwards from a place, never whole."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, ParamSpec

from ..errors import IsengardError
from ..trainer.job import JobFolder

_Given = ParamSpec("_Given")
LEVELS = ("debug", "info", "warning", "error", "critical")
_CHUNK = 1 << 18
_MOST_LINE = 1 << 20
"""Bytes; of a longer line only so many are looked at together."""


@dataclass(frozen=True, kw_only=True)
class LogQuery:
    """What to show. Everything that is given must hold."""

    level: str = "debug"
    """This one and worse."""
    text: str = ""
    """Must stand somewhere in the line, whatever its case."""
    since: str = ""
    """ISO time, inclusive."""
    until: str = ""
    """ISO time, exclusive."""
    limit: int = 200


@dataclass(frozen=True, kw_only=True)
class LogPage:
    """Lines in the order in which they were written."""

    lines: list[dict[str, Any]]
    cursor: str
    """Behind the last line that was looked at: reading goes on from here, also when more is written."""
    more: bool
    """Whether more lines may follow at once."""


def files_of(log: Path) -> list[Path]:
    """A log and those that were rotated away, the oldest first."""
    numbered = [log.with_name(f"{log.name}.{number}") for number in range(9, 0, -1)]
    return [path for path in (*numbered, log) if path.is_file()]


def _patiently(read: Callable[_Given, LogPage]) -> Callable[_Given, LogPage]:
    """Reads again where a file went while logs were rotated."""

    @functools.wraps(read)
    def answer(*args: _Given.args, **values: _Given.kwargs) -> LogPage:
        for _ in range(5):
            with suppress(FileNotFoundError):
                return read(*args, **values)
        return read(*args, **values)

    return answer


@_patiently
def tail(job: JobFolder, query: LogQuery) -> LogPage:
    """The last lines that fit, at most `query.limit`."""
    files = files_of(job.log_file)
    found: list[dict[str, Any]] = []
    cursor = _end_of(files[-1]) if files else ""
    for path in reversed(files):
        for line in _backwards(path):
            entry = _fitting(line, query)
            if entry is not None:
                found.append(entry)
                if len(found) == query.limit:
                    return LogPage(lines=found[::-1], cursor=cursor, more=False)
    return LogPage(lines=found[::-1], cursor=cursor, more=False)


@_patiently
def read_on(job: JobFolder, query: LogQuery, cursor: str = "") -> LogPage:
    """Lines from a place on, or from the beginning. Raises REQUEST_INVALID for a cursor that is none."""
    files = files_of(job.log_file)
    offset = 0
    if cursor:
        number, _, place = cursor.partition("-")
        if not (number.isdecimal() and place.isdecimal() and len(cursor) < 60):
            raise IsengardError("REQUEST_INVALID", f"cursor: {cursor[:40]!r} is not one of ours.")
        at = next((index for index, path in enumerate(files) if path.stat().st_ino == int(number)), None)
        files, offset = (files[at:], int(place)) if at is not None else (files, 0)
    found: list[dict[str, Any]] = []
    for path in files:
        with path.open("rb") as stream:
            stream.seek(offset)
            while line := stream.readline(_MOST_LINE):
                if not line.endswith(b"\n") and len(line) < _MOST_LINE:
                    break  # still being written
                offset += len(line)
                entry = _fitting(line, query)
                if entry is not None:
                    found.append(entry)
                    if len(found) == query.limit:
                        return LogPage(lines=found, cursor=_cursor(stream, offset), more=True)
            cursor, offset = _cursor(stream, offset), 0
    return LogPage(lines=found, cursor=cursor, more=False)


def _end_of(path: Path) -> str:
    """The place behind the last line that is complete."""
    with path.open("rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(max(0, size - _MOST_LINE))
        return _cursor(stream, size - len(stream.read().rpartition(b"\n")[2]))


def _backwards(path: Path) -> Iterator[bytes]:
    """The lines of a file from its last to its first."""
    with path.open("rb") as stream:
        position = stream.seek(0, 2)
        rest = b""
        while position > 0:
            size = min(_CHUNK, position)
            position -= size
            stream.seek(position)
            parts = (stream.read(size) + rest).split(b"\n")
            rest = parts[0][-_MOST_LINE:]
            yield from (part for part in reversed(parts[1:]) if part)
        if rest:
            yield rest


def _fitting(line: bytes, query: LogQuery) -> dict[str, Any] | None:
    if query.text and query.text.casefold() not in line.decode("utf-8", "replace").casefold():
        return None
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        entry = None
    if not isinstance(entry, dict):
        entry = {"message": line.decode("utf-8", "replace").strip()[:2000], "level": "info", "timestamp": ""}
    level, moment = str(entry.get("level", "info")), str(entry.get("timestamp", ""))
    worse = LEVELS.index(level) if level in LEVELS else 1
    fits = worse >= LEVELS.index(query.level)
    fits = fits and (not query.since or moment >= query.since) and (not query.until or moment < query.until)
    return entry if fits else None


def _cursor(stream: BinaryIO, offset: int) -> str:
    """A place in the file that was read, whatever is called like it by now: logs are rotated while they are read."""
    return f"{os.fstat(stream.fileno()).st_ino}-{offset}"
