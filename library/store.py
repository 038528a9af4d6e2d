"""The library's folder on the disk: where everything is, who may write, and that changes happen whole.

```
<root>/  library.json          format
         characters/<slug>/    character.json
                               images/<name>.jpg, <name>.txt   what is trained on: a folder that any trainer reads
                               rejected/                       photos that were put aside, with their captions
                               originals/                      the bytes that were uploaded
                               records/<name>.jpg.json         where a photo comes from, its crop, what was decided
                               loras/<id>.json                 the LoRAs that were trained of this character
                               .cache/                         thumbnails and measurements: can be made again
         loras/                trained weights, unless the settings name another folder for them
         trash/<id>/           what was deleted, with what is needed to put it back
         undo/<id>.json        captions before they were changed in bulk
         jobs/<id>/            job folders
         gallery/<yyyy-mm>/    pictures that were made, see gallery.py;  guides/  what they were steered by
         generations/          what is being made;  captioning/<id>.json  runs of a captioner
         index.sqlite          makes lists quick; can be deleted, as can gallery.sqlite
         backups/              records as they were before an upgrade, see upgrades.py
         settings.json         what a person has set, see settings.py;  models/  small models that look at photos
         .journal/  .lock      see journal.py;  .scratch/  photos that are being looked at
```
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import filelock

from ..errors import IsengardError
from ..files import read_json, told_plainly, write_json
from . import names, scratch, upgrades
from .connections import Connections
from .folders import CharacterFolder
from .journal import Transaction, recover
from .workers import PhotoWorkers

FORMAT = 1
"""Version of the library's files; a reader refuses a newer one."""
PATIENCE = 60.0
"""Seconds to wait for another process that is changing the library."""

Listener = Callable[[frozenset[str]], None]
"""Is told the slugs of the characters that changed, after a change."""


def make_root(root: Path) -> None:
    """Makes the folder that a library is in, if it is not there. Raises FOLDER_NOT_WRITABLE, DISK_FULL."""
    try:
        with told_plainly(root):
            root.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        message = f"A library can't be made in {root}: {problem.strerror}."
        raise IsengardError("FOLDER_NOT_WRITABLE", message) from problem


class Library:
    """A library that is open. Reading needs no lock; changes go through `changing`."""

    def __init__(self, root: Path, loras: Path | None = None) -> None:
        self.root = root
        self.loras = loras or root / "loras"
        """Where trained LoRAs go: ComfyUI's folder, or one in the library."""
        self.characters = root / "characters"
        self.trash = root / "trash"
        self.undo = root / "undo"
        self.jobs = root / "jobs"
        self.index_file = root / "index.sqlite"
        self.models = root / "models"
        """Small models that look at photos; see report/faces.py."""
        self.scratch = root / ".scratch"
        self.workers = PhotoWorkers(self.models, self.scratch)
        self.connections = Connections()
        """To the index."""
        self.jobs_seen: dict[str, object] = {}
        """What finished.py remembers of jobs that it has looked at."""
        self._journal = root / ".journal"
        self._lock = filelock.FileLock(root / ".lock", thread_local=False)
        self._thread = threading.RLock()
        self._changing = False
        self._listeners: list[Listener] = []

    @classmethod
    def open(cls, root: Path, *, loras: Path | None = None) -> Library:
        """Opens the library in the folder `root`, makes it if there is none, and finishes what was interrupted.

        A folder that can't be written to is opened for reading, if a library is there. One of an older version is
        upgraded, after a backup. Raises FOLDER_NOT_WRITABLE, LIBRARY_CORRUPT, LIBRARY_NEWER, LIBRARY_BUSY, DISK_FULL.
        """
        library = cls(root.expanduser().absolute(), loras)
        marker = library.root / "library.json"
        if not marker.exists():
            make_root(library.root)
            with told_plainly(marker):
                library.characters.mkdir(exist_ok=True)
            write_json(marker, {"format": FORMAT})
        found = read_json(marker, "LIBRARY_CORRUPT")
        version = found.get("format") if isinstance(found, dict) else None
        if not isinstance(version, int):
            raise IsengardError("LIBRARY_CORRUPT", f"{marker} does not say which format the library has.")
        if version > FORMAT:
            raise IsengardError(
                "LIBRARY_NEWER", f"The library in {root} has format {version}; this version reads up to {FORMAT}."
            )
        library._refuse_links()
        library.tidy_up()
        if version < FORMAT:
            with library._locked():
                upgrades.bring_up(library.root, FORMAT)
        return library

    def _refuse_links(self) -> None:
        """Raises LIBRARY_CORRUPT where a folder leads elsewhere in which things are cleared away or put into place.

        Renaming works on one disk only, and a library from a stranger must not reach what is ours.
        """
        real = self.root.resolve()
        for place in (self._journal, self.scratch, self.characters, self.trash, self.undo):
            if place.resolve().parent != real:
                raise IsengardError(
                    "LIBRARY_CORRUPT",
                    f"{place} is a link. The parts of a library lie in one folder.",
                    hint="Move the whole library to where there is room, or put the folder itself there.",
                )

    def tidy_up(self) -> None:
        """Finishes what was interrupted, and clears away what processes left that are gone, as far as possible."""
        left = scratch.forgotten(self.scratch)
        if left or self._unfinished():
            with suppress(IsengardError), self._locked():
                if not self._changing:
                    recover(self.root, self._journal)
                    scratch.clear(left, self.has_lora)

    def close(self) -> None:
        """Ends the processes that look at photos and lets go of the index; both come back when they are needed."""
        self.workers.close()
        self.connections.close()

    def folder(self, slug: str) -> CharacterFolder:
        """The folder of a character. Raises NAME_INVALID or CHARACTER_MISSING."""
        folder = CharacterFolder(names.inside(self.characters, slug))
        if not folder.file.is_file():
            raise IsengardError("CHARACTER_MISSING", f"There is no character {names.shown(slug)}.")
        return folder

    def slugs(self) -> list[str]:
        """All characters, sorted."""
        try:
            with os.scandir(self.characters) as entries:
                return sorted(e.name for e in entries if names.is_safe(e.name) and e.is_dir(follow_symlinks=False))
        except FileNotFoundError:
            return []

    def taken(self) -> set[str]:
        """Names in the characters' folder, folded: what a new one can't be called. Links and files count, too: what is
        written through a link lands elsewhere."""
        try:
            return {names.folded(name) for name in os.listdir(self.characters)}  # noqa: PTH208 (names are all we need)
        except FileNotFoundError:
            return set()

    def has_lora(self, weights: Path) -> bool:
        """Whether a file in the LoRA folder belongs to a character."""
        return any(record.stem == weights.stem for record in self.characters.glob("*/loras/*.json"))

    @contextmanager
    def changing(self, *slugs: str) -> Iterator[Transaction]:
        """Holds the library's lock and makes the change that was put together, unless an error is raised.

        `slugs` are the characters that change; listeners are told of them. Raises LIBRARY_BUSY.
        """
        with self._locked():
            assert not self._changing, "a change within a change would clear away what the outer one has put aside"
            if self._unfinished():
                recover(self.root, self._journal)
            transaction = Transaction(self.root, self._journal)
            self._changing = True
            try:
                yield transaction
                transaction.commit()
            finally:
                self._changing = False
                transaction.abandon()
        self.tell(slugs)

    def tell(self, slugs: tuple[str, ...]) -> None:
        """Tells the listeners that characters changed."""
        for listener in list(self._listeners):
            listener(frozenset(slugs))

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Calls `listener` after every change that this process makes, on its thread. Returns what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def _unfinished(self) -> bool:
        try:
            with os.scandir(self._journal) as entries:
                return any(True for _ in entries)
        except FileNotFoundError:
            return False

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._thread:
            try:
                with told_plainly(self.root / ".lock"):
                    self._lock.acquire(timeout=PATIENCE)
            except filelock.Timeout as problem:
                raise IsengardError(
                    "LIBRARY_BUSY", f"Another process has been changing {self.root} for {PATIENCE:.0f} seconds."
                ) from problem
            try:
                yield
            finally:
                self._lock.release()
