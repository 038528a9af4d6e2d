"""The event stream of a job: one JSON line an event, readable while it is written. Standard library only.

Every line has `v` (format), `seq` (from 1, without gaps), `time` (UTC), `type` and the fields of its type:

| type | fields |
|---|---|
| state | state, step, reason |
| progress | phase (load, encode, train, sample, save, export), done, total, step(s), seconds_per_step, seconds_left |
| loss | step, loss (raw mean of the step), smoothed, learning_rate, grad_norm; class_loss where the class is held |
| sample | step, index, file (in the job folder), prompt, seed |
| checkpoint | step, folder, lora |
| gpu | name, load (0…1), memory_used and memory_total (bytes), temperature (°C), power (W); null where not measured |
| warning | message, said (the same with its code); code where an error of that code says more |
| error | code, message, hint, details, said |

After a resume the steps since the last checkpoint come again, with new numbers: for each step the last line counts.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ..errors import IsengardError
from ..files import told_plainly, write_whole

FORMAT = 1
TYPES = ("state", "progress", "loss", "sample", "checkpoint", "gpu", "warning", "error")
_CHUNK = 1 << 16


def now() -> str:
    """The present moment as events carry it."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class EventWriter:
    """Appends events. Only the holder of the job's lock may make one. A torn last line is taken away first."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._turn = threading.Lock()
        with told_plainly(path):
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644)
            try:
                end = _end_of_last_line(self._handle, os.lseek(self._handle, 0, os.SEEK_END))
                self.seq = _last_seq(self._handle, end, path)
                os.ftruncate(self._handle, end)
                os.lseek(self._handle, end, os.SEEK_SET)
            except BaseException:
                os.close(self._handle)
                raise

    def write(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Appends one event and returns it; threads take turns. Raises DISK_FULL, leaving no half line behind."""
        assert kind in TYPES, kind
        with self._turn:
            return self._append(kind, fields)

    def _append(self, kind: str, fields: dict[str, Any]) -> dict[str, Any]:
        event = {"v": FORMAT, "seq": self.seq + 1, "time": now(), "type": kind, **fields}
        line = (json.dumps(event, ensure_ascii=False) + "\n").encode()
        start = os.lseek(self._handle, 0, os.SEEK_CUR)
        with told_plainly(self.path):
            try:
                write_whole(self._handle, line)
            except OSError:
                os.ftruncate(self._handle, start)
                os.lseek(self._handle, start, os.SEEK_SET)
                raise
        self.seq += 1
        return event

    def close(self) -> None:
        """Ends the writing."""
        os.close(self._handle)


class EventReader:
    """Reads a stream that may still be written: each call of `read` gives the complete new events."""

    def __init__(self, path: Path, after: int = 0) -> None:
        self.path = path
        self.after = after
        """Number of the last event that was given out (or is not wanted)."""
        self._offset = 0

    def read(self) -> Iterator[dict[str, Any]]:
        """The events since the last call. A line without its end yet is left for the next call.

        Raises JOB_CORRUPT for a complete line that is no event.
        """
        try:
            stream = self.path.open("rb")
        except FileNotFoundError:
            return
        with stream:
            if os.fstat(stream.fileno()).st_size < self._offset:
                self._offset = 0  # a torn tail, never given out, was cut off, or the file is another one
            stream.seek(self._offset)
            for line in stream:
                if not line.endswith(b"\n"):
                    return
                self._offset += len(line)
                event = _parse(line, self.path)
                if event["seq"] > self.after:
                    self.after = event["seq"]
                    yield event


def read_events(path: Path, after: int = 0) -> list[dict[str, Any]]:
    """All complete events behind number `after`."""
    return list(EventReader(path, after).read())


def _parse(line: bytes, path: Path) -> dict[str, Any]:
    try:
        event = json.loads(line)
        if isinstance(event["seq"], int) and isinstance(event["type"], str):
            return dict(event)
    except (ValueError, KeyError, TypeError):
        pass
    raise IsengardError("JOB_CORRUPT", f"{path} has a line that is no event: {line[:80]!r}.")


def _end_of_last_line(handle: int, end: int) -> int:
    """Offset behind the last line feed before `end` in an open file."""
    position = end
    while position > 0:
        start = max(0, position - _CHUNK)
        os.lseek(handle, start, os.SEEK_SET)
        found = os.read(handle, position - start).rfind(b"\n")
        if found != -1:
            return start + found + 1
        position = start
    return 0


def _last_seq(handle: int, end: int, path: Path) -> int:
    """Number of the event whose line ends at `end`."""
    if end == 0:
        return 0
    start = _end_of_last_line(handle, end - 1)
    os.lseek(handle, start, os.SEEK_SET)
    return int(_parse(os.read(handle, end - start), path)["seq"])
