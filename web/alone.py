"""One server for one library: two would run the same queue."""

from __future__ import annotations

from pathlib import Path

import filelock

from ..errors import IsengardError
from ..files import told_plainly
from ..library.store import make_root


def taken(root: Path) -> filelock.BaseFileLock:
    """Takes the library for this process; it is free again when the lock is released or the process is gone.

    Raises SERVER_RUNNING, FOLDER_NOT_WRITABLE.
    """
    lock = filelock.FileLock(root / ".server", thread_local=False)
    make_root(root)
    try:
        with told_plainly(root / ".server"):
            lock.acquire(timeout=0)
    except filelock.Timeout as problem:
        raise IsengardError("SERVER_RUNNING", f"Another server works on {root}.") from problem
    return lock
