"""The lock of a job folder: one process at a time is the writer of its events and state. Standard library only.

The operating system's own file lock decides while both are on one machine: it goes when its holder dies, however that
happens. The file's content (number, birth time, host) tells readers who holds it, and decides where a disk knows no
locks. On a disk that several machines share, a holder on another machine counts as alive while it keeps touching the
file.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

from ..errors import IsengardError
from ..files import told_plainly, write_whole
from ..process import is_same_process, own_identity

BEAT_SECONDS = 10.0
"""How often a holder touches its lock."""
SILENT_SECONDS = 90.0
"""A holder on another machine that has been silent for so long counts as gone."""
DYING_SECONDS = 3.0
"""How long a lock may outlive its holder's end."""
_FAR = 1 << 30  # where Windows locks a byte: beyond the content, which stays readable
_UNSUPPORTED = {errno.ENOLCK, errno.ENOTSUP, errno.EINVAL, errno.ENOSYS}


@dataclass(frozen=True)
class Owner:
    """Who holds a lock."""

    pid: int
    birth: str
    host: str
    since: float
    """Seconds since the epoch."""

    def is_alive(self, beat: float) -> bool:
        """Whether the owner still runs; `beat` is the lock file's modification time."""
        if self.host == socket.gethostname():
            return is_same_process(self.pid, self.birth)
        return time.time() - beat < SILENT_SECONDS


def read_owner(path: Path) -> Owner | None:
    """The living holder of the lock, or None. Never changes anything."""
    try:
        owner = Owner(**json.loads(path.read_text(encoding="utf-8")))
        return owner if owner.is_alive(path.stat().st_mtime) else None
    except (OSError, ValueError, TypeError):  # absent, still empty, or not written by us
        return None


def held_by(owner: Owner | None, folder: Path) -> IsengardError:
    """What is said of a job that somebody else works on; None is somebody who left no name."""
    who = f"process {owner.pid} on {owner.host}" if owner else "another process"
    return IsengardError("JOB_LOCKED", f"{folder} is being trained by {who}.")


class Lock:
    """Held from `take` to `release`, once; also a context manager. Raises JOB_LOCKED if somebody else holds it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: int | None = None
        self._released = threading.Event()

    def take(self) -> Lock:
        """Takes the lock, over a dead holder if need be."""
        deadline = time.monotonic() + DYING_SECONDS
        with told_plainly(self.path):
            while not self._try(deadline):
                pass
        self._beats = threading.Thread(target=self._beat, name="lock", daemon=True)
        self._beats.start()
        return self

    def _try(self, deadline: float) -> bool:
        """False if it is worth another try: the last holder is just removing the file, or still dying."""
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            if not _lock_file(handle):
                if read_owner(self.path) is None and time.monotonic() < deadline:
                    time.sleep(0.05)  # the system keeps a killed process's locks until its last thread is gone
                    return False
                raise self._held()
            if not _is_still(handle, self.path):
                return False
            owner = read_owner(self.path)
            if owner is not None and (owner.pid, owner.birth) != own_identity():
                raise self._held()
            pid, birth = own_identity()
            body = json.dumps(asdict(Owner(pid, birth, socket.gethostname(), time.time()))).encode()
            os.ftruncate(handle, 0)
            write_whole(handle, body)
            self._handle, handle = handle, -1
            return True
        finally:
            if handle != -1:
                os.close(handle)

    def _beat(self) -> None:
        """Tells other machines that the holder lives, for as long as it does."""
        while not self._released.wait(BEAT_SECONDS):
            with suppress(OSError):  # a disk that is away for a moment
                os.utime(self.path)

    def release(self) -> None:
        """Gives the lock back; the file goes."""
        if self._handle is None:
            return
        handle, self._handle = self._handle, None
        self._released.set()
        if os.name == "nt":  # an open file can't be removed there
            os.close(handle)
            with suppress(PermissionError):  # somebody else has just taken it
                self.path.unlink(missing_ok=True)
        else:
            self.path.unlink(missing_ok=True)
            os.close(handle)

    def _held(self) -> IsengardError:
        return held_by(read_owner(self.path), self.path.parent)

    def __enter__(self) -> Lock:
        return self.take()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _lock_file(handle: int) -> bool:
    """Asks the operating system for the lock; True also where the disk knows no locks."""
    try:
        if os.name == "nt":
            import msvcrt

            os.lseek(handle, _FAR, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
            os.lseek(handle, 0, os.SEEK_SET)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as problem:
        return problem.errno in _UNSUPPORTED and os.name != "nt"
    return True


def _is_still(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False
