"""Folders for work in progress, on the library's own disk: they go when the work is done, or its process is gone.

A workspace is a folder in `.scratch/` with a lock beside it that its process holds; the system lets go of the lock when
the process ends, however it ends.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import filelock

from ..errors import IsengardError
from ..files import read_json, remove, told_plainly, write_json

_ELSEWHERE = ".elsewhere.json"
_OURS = (".tmp", ".safetensors")
"""Endings of what may be removed elsewhere."""
_OLD_SECONDS = 3600.0
"""What has no lock beside it counts as forgotten after this time."""


class Workspace:
    """An empty folder to work in."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._elsewhere: list[str] = []

    def answer_for(self, path: Path) -> None:
        """Notes a file or folder elsewhere that is to go, too, if this process dies. Call it before `path` is made.

        It must be called like what is half made (.tmp) or like weights: nothing else is removed.
        """
        assert path.name.endswith(_OURS), path
        self._elsewhere.append(str(path.absolute()))
        write_json(self.path / _ELSEWHERE, {"folder": self.path.stat().st_ino, "paths": self._elsewhere})


@contextmanager
def workspace(scratch: Path, kind: str) -> Iterator[Workspace]:
    """A workspace that is removed with all that is left in it when the block ends."""
    path = scratch / f"{kind}-{secrets.token_hex(6)}"
    with told_plainly(path):
        scratch.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(_lock_of(path), thread_local=False)
        lock.acquire()
    try:
        with told_plainly(path):
            path.mkdir()
        yield Workspace(path)
    finally:
        shutil.rmtree(path, ignore_errors=True)
        lock.release()
        with suppress(OSError):  # on Windows another process may be trying it at this moment
            remove(_lock_of(path))


@contextmanager
def made_elsewhere(scratch: Path, path: Path) -> Iterator[None]:
    """For a block that makes the folder `path` outside the library: what is left there goes when the block ends, or is
    cleared away once the process is gone (but for a library that can only be read, which can't note it)."""
    try:
        if os.access(scratch.parent, os.W_OK):
            with workspace(scratch, "elsewhere") as desk:
                desk.answer_for(path)
                yield
        else:
            yield
    finally:
        shutil.rmtree(path, ignore_errors=True)


def forgotten(scratch: Path) -> list[Path]:
    """Workspaces, or what is left of them, whose process is gone."""
    try:
        found = {path.with_name(path.name.removesuffix(".lock")) for path in scratch.iterdir()}
    except FileNotFoundError:
        return []
    return sorted(path for path in found if _is_forgotten(path))


def clear(workspaces: list[Path], claimed: Callable[[Path], bool]) -> None:
    """Removes forgotten workspaces and what they answered for elsewhere, but for files that somebody has `claimed`.

    Only while the library's lock is held and nothing in its journal is unfinished.
    """
    for path in workspaces:
        try:
            with filelock.FileLock(_lock_of(path), timeout=0):
                _clear(path, claimed)
        except (filelock.Timeout, OSError):
            continue  # its process lives after all: it had just made the lock's file when we looked
        with suppress(OSError):
            _lock_of(path).unlink(missing_ok=True)


def _clear(path: Path, claimed: Callable[[Path], bool]) -> None:
    for other in _elsewhere(path):
        if not claimed(other):
            shutil.rmtree(other, ignore_errors=True)
            with suppress(OSError):
                other.unlink()
    shutil.rmtree(path, ignore_errors=True)
    with suppress(OSError):
        path.unlink(missing_ok=True)


def _lock_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")


def _is_forgotten(path: Path) -> bool:
    lock = _lock_of(path)
    if not lock.exists():
        with suppress(OSError):
            return time.time() - path.stat().st_mtime > _OLD_SECONDS
        return False
    try:
        with filelock.FileLock(lock, timeout=0):
            return True
    except (filelock.Timeout, OSError):
        return False


def _elsewhere(path: Path) -> list[Path]:
    """What a workspace answers for. One that was copied answers for nothing: a library may come from a stranger."""
    try:
        found = read_json(path / _ELSEWHERE)
        if found["folder"] != path.stat().st_ino:
            return []
        return [Path(item) for item in found["paths"] if item.endswith(_OURS)]
    except (IsengardError, OSError, KeyError, TypeError, AttributeError):
        return []
