"""Makes a job's folder whole or not at all, wherever a person wants it. Standard library only."""

from __future__ import annotations

import errno
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import IsengardError
from ..files import replace, sync, told_plainly

_MOVED = {"photos": 0, "config.json": 2}
"""What is moved first and last into a folder that existed; everything else between them."""


def check_free(folder: Path) -> None:
    """Raises JOB_EXISTS if something is there already. A folder may exist if it is empty (hidden files don't count)."""
    with _not_writable(folder):
        if folder.exists() and not folder.is_dir():
            raise IsengardError("FOLDER_NOT_WRITABLE", f"{folder} is a file, not a folder.")
        if (folder / "config.json").exists():
            raise IsengardError("JOB_EXISTS", f"{folder} already holds a job.")
        if folder.is_dir() and (there := next(_visible(folder), None)):
            raise IsengardError(
                "JOB_EXISTS",
                f"{folder} is not empty: it holds {there.name}.",
                hint="Choose another --out folder, or empty it.",
            )


def _visible(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if not path.name.startswith(".") and path.name != "lost+found")


@contextmanager
def made_aside(folder: Path) -> Iterator[Path]:
    """Gives an empty folder to fill; what is in it stands in `folder` afterwards, or is gone if anything failed.

    A new folder is renamed whole. An existing one may be a mounted disk, which can't be renamed onto: there the parts
    are moved in: photos first, which fails if somebody else was faster, config.json last, which makes it a job.
    """
    existed = folder.is_dir()
    home = folder if existed else folder.parent
    aside = home / f".{folder.name}.{secrets.token_hex(4)}.tmp"
    made = [parent for parent in [home, *home.parents] if not parent.exists()]
    done = False
    try:
        with _not_writable(folder):
            aside.mkdir(parents=True)
        yield aside
        with _not_writable(folder):
            if existed:
                for part in sorted(aside.iterdir(), key=lambda path: _MOVED.get(path.name, 1)):
                    replace(part, folder / part.name)
            else:
                replace(aside, folder)
            sync(home)
        done = True
    except IsengardError as problem:
        if problem.code != "DISK_FULL" or problem.details:
            raise
        hint = "Free disk space and try again; nothing was left behind."
        raise IsengardError("DISK_FULL", f"The disk filled up while {folder} was made.", hint=hint) from problem
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        for parent in [] if done else made:
            _remove_if_empty(parent)


@contextmanager
def _not_writable(folder: Path) -> Iterator[None]:
    """Any reason why a folder can't be made is the same to a person, but for a full disk."""
    try:
        with told_plainly(folder):
            yield
    except OSError as problem:
        if problem.errno in (errno.ENOTEMPTY, errno.EEXIST):
            raise IsengardError("JOB_EXISTS", f"Another job was made in {folder} meanwhile.") from problem
        raise IsengardError("FOLDER_NOT_WRITABLE", f"{folder} can't be made: {problem.strerror}.") from problem


def _remove_if_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return  # somebody else put something in, or it was never made
