"""Connections to the index that are kept for the next question: to open one costs more than most questions do, and when
the last is closed, SQLite puts its files in order each time."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

_MOST = 2
"""Kept at the same time; who needs one more opens it."""
_Stamp = tuple[int, int, int, int, int]


class Connections:
    """Any thread may take one; it is that thread's until it is given back."""

    def __init__(self) -> None:
        self._idle: list[tuple[Path, _Stamp, sqlite3.Connection]] = []
        self._guard = threading.Lock()

    def take(self, path: Path) -> sqlite3.Connection | None:
        """One that was kept, if the file is still the one that it was opened on and nobody else has put it in order."""
        stamp = _stamp(path)
        with self._guard:
            while self._idle:
                known_path, known, connection = self._idle.pop()
                if (known_path, known) == (path, stamp):
                    return connection
                connection.close()
        return None

    def keep(self, path: Path, connection: sqlite3.Connection) -> None:
        """Gives one back that is in order and has no change under way."""
        stamp = _stamp(path)
        with self._guard:
            if stamp is not None and len(self._idle) < _MOST and not connection.in_transaction:
                self._idle.append((path, stamp, connection))
                return
        connection.close()

    def close(self) -> None:
        """Closes what is kept; who has taken one has it still."""
        with self._guard:
            idle, self._idle = self._idle, []
        for _, _, connection in idle:
            connection.close()


def _stamp(path: Path) -> _Stamp | None:
    """Tells one file from another, and from itself as another process has left it; None: it is gone."""
    try:
        found = path.stat()
    except OSError:
        return None
    try:
        log = path.with_name(f"{path.name}-wal").stat().st_ino  # what was written lately; nobody may take it away
    except OSError:
        log = 0
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, log
