"""Writes files so that a reader sees the old or the new one, never half of one. Standard library only."""

from __future__ import annotations

import errno
import json
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from .errors import IsengardError
from .sentences import Said

_T = TypeVar("_T")
_TRIES = 20
_ASIDE = re.compile(r"\..+\.([1-9]\d*)-[0-9a-f]{8}\.tmp")
_HELD_FILES_CLOSE = os.name == "nt"
"""Whether a file that another process reads or replaces at this moment can't be had."""


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """Gives a path beside `path` to write to; afterwards it is synced and put in place, or removed if anything failed.

    Raises `IsengardError` DISK_FULL or FOLDER_NOT_WRITABLE instead of the operating system's error.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        with told_plainly(path):
            yield aside
            sync(aside)
            replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def writer_of(name: str) -> int:
    """The number of the process that writes, or wrote, a file of this name aside; 0 for any other file."""
    found = _ASIDE.fullmatch(name)
    return int(found[1]) if found else 0


def remove_half_written(folder: Path, but: Collection[str]) -> None:
    """Takes away what killed writers left aside, at any depth, but for files of these names: others may write them."""
    spared = tuple(f".{name}." for name in but)
    for left in folder.rglob(".*.tmp"):
        if left.name.startswith(spared):
            continue
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left, ignore_errors=True)
        else:
            with suppress(OSError):
                left.unlink()


def write_json(path: Path, value: Any) -> None:
    """Writes JSON atomically."""
    with written_aside(path) as aside:
        aside.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def read_bytes(path: Path) -> bytes:
    """Reads a file that may be replaced meanwhile, tried again for a while: on Windows that makes it fail.

    Raises OSError also for what is no ordinary file: a pipe would be waited on forever, a device has no end.
    """

    def read() -> bytes:
        if not stat.S_ISREG(path.stat().st_mode):
            raise OSError(errno.EINVAL, "it is no ordinary file", str(path))
        return path.read_bytes()

    return _patiently(read)


def read_json(path: Path, code: str = "JOB_CORRUPT") -> Any:
    """Reads JSON; a damaged file is an error with its path, never an empty value."""
    try:
        return json.loads(read_bytes(path).decode("utf-8"))
    except FileNotFoundError:
        raise
    except (OSError, ValueError, RecursionError) as problem:
        raise IsengardError(code, f"{path} can't be read: {problem}.") from problem


def write_whole(handle: int, data: bytes) -> None:
    """`os.write` to the end: a disk that is nearly full takes a part first and refuses the rest."""
    left = memoryview(data)
    while left:
        left = left[os.write(handle, left) :]


def sync(path: Path) -> None:
    """Makes sure that a file's bytes (on systems that can, a folder's entries) are on the disk."""
    if path.is_dir() and os.name == "nt":
        return  # Windows can't open folders for that
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    except OSError as problem:
        if problem.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network disks don't know fsync
            raise
    finally:
        os.close(handle)


def replace(source: Path, target: Path) -> None:
    """`os.replace`, tried again for a while: on Windows a reader that holds the target makes it fail."""
    _patiently(lambda: os.replace(source, target))


def remove(path: Path) -> None:
    """Removes a file if it is there, tried again for a while: on Windows a reader that holds it makes it fail."""
    _patiently(lambda: path.unlink(missing_ok=True))


def _patiently(act: Callable[[], _T]) -> _T:
    """Tries again for a second where a file may be held for a moment."""
    for _ in range(_TRIES if _HELD_FILES_CLOSE else 0):
        with suppress(PermissionError):
            return act()
        time.sleep(0.05)
    return act()


@contextmanager
def told_plainly(path: Path) -> Iterator[None]:
    """Turns a full disk and a forbidden folder into our own errors."""
    try:
        yield
    except OSError as problem:
        if problem.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            text = f"The disk is full; {path} was not written."
            raise IsengardError("DISK_FULL", Said("disk.full", text, file=path.name)) from problem
        if problem.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise IsengardError(
                "FOLDER_NOT_WRITABLE", f"{path.parent} can't be written to: {problem.strerror}."
            ) from problem
        raise
