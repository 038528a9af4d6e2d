"""Indexes: SQLite files that make lists quick. All in them is read from files, so one may be deleted, be damaged or be
two processes' at once.

Connections are kept for the next question: to open one costs more than most questions do, and when the last is closed,
SQLite puts its files in order each time.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import stat
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from .. import log
from ..errors import IsengardError
from ..files import remove
from .damaged import IndexDamagedError

_MOST = 2
"""Kept of one index at the same time; who needs one more opens it."""
_ENDINGS = ("", "-wal", "-shm", "-journal")
"""Of the files that make up an index."""
_Stamp = tuple[int, int, int, int, int]
_LOG = log.get("library.index")


@dataclass(frozen=True, kw_only=True)
class Tables:
    """What is in an index."""

    version: int
    """Counts up with every change; an index of another version is thrown away."""
    sql: str
    """Makes them."""


class Connections:
    """To a library's indexes. Any thread may take one; it is that thread's until it is given back."""

    def __init__(self) -> None:
        self._idle: dict[Path, list[tuple[_Stamp, sqlite3.Connection]]] = {}
        self._guard = threading.Lock()

    @contextmanager
    def to(self, path: Path, tables: Tables) -> Iterator[sqlite3.Connection]:
        """An index, made if there is none or it is damaged. What is written in the block is there when it ends.

        Raises LIBRARY_BUSY, and IndexDamagedError for damage that shows in the block.
        """
        connection = self._take(path) or _open(path, tables)
        opened = _stamp(path)
        try:
            with connection:
                yield connection
        except sqlite3.DatabaseError as problem:
            connection.close()
            if isinstance(problem, sqlite3.OperationalError) and "malformed" not in str(problem):
                raise _busy(path, problem) from problem
            self.close()
            _throw_away(path)
            raise IndexDamagedError(path) from problem
        except BaseException:
            connection.close()
            raise
        self._keep(path, opened, connection)

    def close(self) -> None:
        """Closes what is kept; who has taken one has it still."""
        with self._guard:
            idle, self._idle = self._idle, {}
        for kept in idle.values():
            for _, connection in kept:
                connection.close()

    def _take(self, path: Path) -> sqlite3.Connection | None:
        """One that was kept, if the file is still the one that it was opened on and nobody else has put it in order."""
        stamp = _stamp(path)
        with self._guard:
            kept = self._idle.get(path, [])
            while kept:
                known, connection = kept.pop()
                if known == stamp:
                    return connection
                connection.close()
        return None

    def _keep(self, path: Path, opened: _Stamp | None, connection: sqlite3.Connection) -> None:
        """Keeps one that is in order and has no change under way, unless another file has come into the place of the
        one that it was `opened` on."""
        stamp = _stamp(path)
        same = stamp is not None and opened is not None and stamp[:2] == opened[:2]
        with self._guard:
            kept = self._idle.setdefault(path, [])
            if stamp is not None and same and len(kept) < _MOST and not connection.in_transaction:
                kept.append((stamp, connection))
                return
        connection.close()


def place_of(root: Path, name: str) -> Path:
    """Where an index of the library in `root` is: in a private folder for temporary files if nothing can be written
    there. Raises FOLDER_NOT_WRITABLE if that is somebody else's."""
    if os.access(root, os.W_OK):
        return root / name
    user = os.getuid() if hasattr(os, "getuid") else None
    private = Path(tempfile.gettempdir()) / f"isengard-{'user' if user is None else user}"
    with suppress(FileExistsError):
        private.mkdir(mode=0o700)
    found = private.lstat()
    if not stat.S_ISDIR(found.st_mode) or (user is not None and found.st_uid != user):
        raise IsengardError("FOLDER_NOT_WRITABLE", f"{private} belongs to somebody else.")
    return private / f"{hashlib.sha256(str(root).encode('utf-8', 'replace')).hexdigest()[:16]}-{name}"


def _stamp(path: Path) -> _Stamp | None:
    """Tells one file from another, and from itself as another process has left it; None: it is gone."""
    try:
        found = path.stat()
    except OSError:
        return None
    try:
        latest = path.with_name(f"{path.name}-wal").stat().st_ino  # what was written lately; nobody may take it away
    except OSError:
        latest = 0
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, latest


def _open(path: Path, tables: Tables) -> sqlite3.Connection:
    for _ in range(2):
        try:
            connection = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as problem:
            raise _busy(path, problem) from problem
        try:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA synchronous = OFF")  # can be made again
            if _version(connection) == 0:
                _make(connection, tables)
            if (version := _version(connection)) == tables.version:
                return connection
            connection.close()
            _LOG.info("index_of_another_version", path=str(path), version=version)
        except sqlite3.OperationalError as problem:
            connection.close()
            raise _busy(path, problem) from problem
        except sqlite3.DatabaseError as problem:
            connection.close()
            _LOG.warning("index_damaged", path=str(path), problem=str(problem))
        _throw_away(path)
    raise _busy(path, sqlite3.DatabaseError("it was made again and is still none of ours"))


def _make(connection: sqlite3.Connection, tables: Tables) -> None:
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(f"BEGIN EXCLUSIVE;PRAGMA user_version = {tables.version};{tables.sql}COMMIT;")
    except sqlite3.OperationalError:
        if connection.in_transaction:
            connection.rollback()
        if _version(connection) == 0:  # else another process was faster
            raise


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _throw_away(path: Path) -> None:
    try:
        for ending in _ENDINGS:
            remove(path.with_name(path.name + ending))
    except OSError as problem:  # on Windows another process may have it open
        raise _busy(path, problem) from problem


def _busy(path: Path, problem: Exception) -> IsengardError:
    return IsengardError("LIBRARY_BUSY", f"The index {path} can't be used: {problem}.", hint="Try again.")
