"""Reads a file of events that grows, from any place on."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

_CHUNK = 1 << 16


class Follower:
    """Reads the complete lines of a growing file from a place on."""

    def __init__(self, path: Path, offset: int = 0) -> None:
        self.path = path
        self.offset = offset
        self._at_a_line = True

    @classmethod
    def at_end(cls, path: Path, size: int) -> Follower:
        """Behind the last complete line of the file as it was when it had this size. Reads nothing yet."""
        follower = cls(path, size)
        follower._at_a_line = False
        return follower

    def read(self) -> list[dict[str, Any]]:
        """The events since the last call. Lines that are none are passed over: the trainer tells of those.

        What can't be read now, from a disk that is away for a moment, comes with a later call.
        """
        found: list[dict[str, Any]] = []
        with suppress(OSError), self.path.open("rb") as stream:
            size = stream.seek(0, 2)
            if not self._at_a_line or size < self.offset:  # smaller: a torn line was cut off, or it is another file
                self.offset, self._at_a_line = _line_end(self.path, min(size, self.offset)), True
            stream.seek(self.offset)
            for line in stream:
                if not line.endswith(b"\n"):
                    break
                self.offset += len(line)
                with suppress(ValueError, TypeError, RecursionError):
                    event = json.loads(line)
                    if _is_event(event):
                        found.append(event)
        return found


def _is_event(found: Any) -> bool:
    """Whether it has what all else relies on: a job folder may come from elsewhere."""
    return isinstance(found, dict) and isinstance(found.get("seq"), int) and isinstance(found.get("type"), str)


def _line_end(path: Path, size: int) -> int:
    """Offset behind the last line feed within the first `size` bytes."""
    try:
        with path.open("rb") as stream:
            position = min(size, stream.seek(0, 2))
            while position > 0:
                start = max(0, position - _CHUNK)
                stream.seek(start)
                found = stream.read(position - start).rfind(b"\n")
                if found != -1:
                    return start + found + 1
                position = start
    except FileNotFoundError:
        pass
    return 0
