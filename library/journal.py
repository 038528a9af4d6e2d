"""Changes of several files at once that happen whole or not at all, also when the process is killed in between.

A transaction puts new files aside and lists what is to be moved where. Once the list is on the disk the change is
decided: whoever takes the library's lock next carries out what is left of it. Before that nothing has happened.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import log
from ..errors import IsengardError
from ..files import read_json, remove, replace, sync, told_plainly, write_json

_STEPS = "steps.json"


@dataclass(frozen=True)
class _Move:
    """A file or folder that goes from one place to another; both are paths from the library's root."""

    source: str
    target: str
    replaces: bool
    """Whether a file at the target gives way. A folder's never does."""


class Transaction:
    """A change that is being put together; nothing is visible before `commit`.

    No path may be both source and target in one transaction: then its steps can be repeated in any state.
    """

    def __init__(self, root: Path, journal: Path) -> None:
        self._root = root
        self._folder = journal / f"{secrets.token_hex(6)}.new"
        self._moves: list[_Move] = []
        self._removed: list[str] = []
        self._count = 0

    def stage(self) -> Path:
        """A path to write a new file to, on the library's own disk; give it to `put` when it is written."""
        with told_plainly(self._folder / "x"):
            self._folder.mkdir(parents=True, exist_ok=True)
        self._count += 1
        return self._folder / str(self._count)

    def put(self, staged: Path, target: Path, *, lasting: bool = True) -> None:
        """Puts a file that was written for this in place, instead of what is there.

        What is not `lasting` can be made again: the disk isn't waited for.
        """
        with told_plainly(target):
            if staged.parent != self._folder:
                staged, written = self.stage(), staged
                replace(written, staged)
            if lasting:
                sync(staged)
        self._moves.append(_Move(f"{_STAGED}/{staged.name}", self._relative(target), True))

    def write(self, target: Path, text: str, *, lasting: bool = True) -> None:
        """Writes a text file."""
        staged = self.stage()
        with told_plainly(target):
            staged.write_text(text, encoding="utf-8", newline="\n")
        self.put(staged, target, lasting=lasting)

    def write_json(self, target: Path, value: Any, *, lasting: bool = True) -> None:
        """Writes a JSON file."""
        self.write(target, lasting=lasting, text=json.dumps(value, ensure_ascii=False, indent=1) + "\n")

    def copy(self, source: Path, target: Path) -> None:
        """Puts a copy of a file in place, instead of what is there."""
        staged = self.stage()
        with told_plainly(target):
            shutil.copyfile(source, staged)
        self.put(staged, target)

    def move(self, source: Path, target: Path) -> None:
        """Moves a file or a folder to a place where nothing is."""
        self._moves.append(_Move(self._relative(source), self._relative(target), False))

    def remove(self, path: Path) -> None:
        """Removes a file for good. For what a person may want back, move it to the trash instead."""
        self._removed.append(self._relative(path))

    def commit(self) -> None:
        """Makes the change. Raises LIBRARY_CONFLICT if something is in the way or gone.

        Raises DISK_FULL or FOLDER_NOT_WRITABLE; what was decided is finished later then.
        """
        if not self._moves and not self._removed:
            self.abandon()
            return
        sources = {move.source for move in self._moves} | set(self._removed)
        targets = [move.target for move in self._moves]
        assert len(set(targets)) == len(targets), "two files go to one place"
        assert not sources & set(targets), "a place is emptied and filled"
        for move in self._moves:
            if not move.replaces and (self._root / move.target).exists():
                raise IsengardError("LIBRARY_CONFLICT", f"{move.target} is there already.")
            if not move.replaces and not os.path.lexists(self._root / move.source):
                raise IsengardError("LIBRARY_CONFLICT", f"{move.source} is not there any more.")
        self.stage()  # makes the folder
        steps = {"moves": [[m.source, m.target, m.replaces] for m in self._moves], "removed": self._removed}
        write_json(self._folder / _STEPS, steps)
        sync(self._folder)
        with told_plainly(self._folder):
            decided = self._folder.with_suffix(".decided")
            replace(self._folder, decided)
            sync(decided.parent)
        _carry_out(self._root, decided)

    def abandon(self) -> None:
        """Forgets the change; harmless after `commit`."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _relative(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()


_STAGED = "<staged>"
"""Stands for the transaction's own folder, which is renamed when the change is decided."""


def recover(root: Path, journal: Path) -> int:
    """Finishes what was decided and clears away what was not; only while the library's lock is held.

    Returns the number of changes that were finished.
    """
    finished = 0
    for folder in _left_over(journal):
        if folder.suffix == ".decided":
            _carry_out(root, folder)
            finished += 1
            log.get("library.journal").warning("change_finished", folder=folder.name)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return finished


def _left_over(journal: Path) -> Iterator[Path]:
    try:
        yield from sorted(journal.iterdir(), key=lambda path: path.stat().st_mtime_ns)
    except FileNotFoundError:
        return


def _carry_out(root: Path, folder: Path) -> None:
    moves, removed = _steps(root, folder) if (folder / _STEPS).exists() else ([], [])
    touched = set()
    for old, new in moves:
        with told_plainly(new):
            if old.exists() or old.is_symlink():
                new.parent.mkdir(parents=True, exist_ok=True)
                _put(old, new)
            elif not new.exists():  # taken away by hand between decision and deed
                log.get("library.journal").warning("file_vanished", path=str(new.relative_to(root)))
        touched |= {old.parent, new.parent}
    for path in removed:
        with told_plainly(path):
            remove(path)
        touched.add(path.parent)
    for place in touched - {folder}:
        if place.is_dir():
            sync(place)
    (folder / _STEPS).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def _put(old: Path, new: Path) -> None:
    """Renames; from one disk to another it copies. A folder of the library may be a link to a larger disk, or one."""
    try:
        replace(old, new)
    except OSError as problem:
        if problem.errno != errno.EXDEV:
            raise
        _carry_over(old, new)


def _carry_over(old: Path, new: Path) -> None:
    """The copy appears whole. Like all here it can be repeated, wherever it was cut off."""
    aside = new.with_name(f".{new.name}.moved.tmp")
    if not old.is_dir() or old.is_symlink():
        aside.unlink(missing_ok=True)
        _copy(str(old), str(aside))
        replace(aside, new)
        remove(old)
        return
    if not new.exists():  # else only the removal may be left
        shutil.rmtree(aside, ignore_errors=True)
        shutil.copytree(old, aside, symlinks=True, copy_function=_copy)
        for place in (aside, *(path for path in aside.rglob("*") if path.is_dir() and not path.is_symlink())):
            sync(place)
        replace(aside, new)
        sync(new.parent)
    for path in old.rglob("*"):
        if not os.path.lexists(new / path.relative_to(old)):
            raise IsengardError("LIBRARY_CONFLICT", f"{new} is there already, and is another one.")
    shutil.rmtree(old)


def _copy(old: str, new: str) -> None:
    """With its times, by which the library knows a photo again; not with its rights, which may forbid to sync it."""
    shutil.copyfile(old, new, follow_symlinks=False)
    if not Path(new).is_symlink():
        sync(Path(new))
        found = Path(old).stat()
        os.utime(new, ns=(found.st_atime_ns, found.st_mtime_ns))


def _steps(root: Path, folder: Path) -> tuple[list[tuple[Path, Path]], list[Path]]:
    """What is moved where, and what is removed. Raises LIBRARY_CORRUPT for what was not written here.

    The library's folder may come from a stranger: nothing outside of it is touched, whatever the list says.
    """
    path = folder / _STEPS
    found = read_json(path, "LIBRARY_CORRUPT")
    inside = Inside()
    try:
        moves = [
            (
                inside(folder, source.removeprefix(f"{_STAGED}/"))
                if source.startswith(f"{_STAGED}/")
                else inside(root, source),
                inside(root, target),
            )
            for source, target, _ in found["moves"]
        ]
        return moves, [inside(root, name) for name in found["removed"]]
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        raise IsengardError(
            "LIBRARY_CORRUPT",
            f"{path} does not list a change of this library: {problem}.",
            hint="If you know that nobody works on it, delete this folder; the change is then not made.",
        ) from problem


class Inside:
    """Paths that a list names, none of which leads out: by dots, by being absolute, or by a link. Raises ValueError.

    Only the folders at the top may be links: somebody may have moved one to a larger disk.
    """

    def __init__(self) -> None:
        self._resolved: dict[Path, Path] = {}

    def __call__(self, root: Path, name: str) -> Path:
        given = Path(name)
        if not given.parts or given.is_absolute() or given.drive or ".." in given.parts:
            raise ValueError(f"{name!r} is no path in it")
        path = root / given
        if path.parent != root and not self._real(path.parent).is_relative_to(self._real(root / given.parts[0])):
            raise ValueError(f"{name!r} leads out of it by a link")
        return path

    def _real(self, path: Path) -> Path:
        if path not in self._resolved:
            self._resolved[path] = path.resolve()
        return self._resolved[path]
