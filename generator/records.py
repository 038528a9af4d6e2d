"""The queue's files: a small JSON a generation, beside a folder for the pictures that are just being made."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from .. import log
from ..errors import IsengardError
from ..files import told_plainly, write_json
from .generation import Generation

ATTEMPTS = 2
"""A generation that was running when the host went is begun again so often: it may be what made the host go."""
_LOG = log.get("generator.records")


class Records:
    """Reads and writes files: its methods belong on worker threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._writing = threading.Lock()

    def write(self, generation: Generation) -> None:
        """Writes what is true at that moment: a thread that comes late, after a cancelled task, writes nothing old."""
        with self._writing:
            _make_folder(self.folder)
            write_json(self.folder / f"{generation.id}.json", generation.as_dict())

    def try_to_write(self, generation: Generation) -> None:
        """`write` where a full disk must not keep anything from going on: what is not kept is logged."""
        try:
            self.write(generation)
        except (IsengardError, OSError) as problem:
            _LOG.warning("a generation was not kept", generation=generation.id, problem=str(problem))

    def forget(self, generation: Generation) -> None:
        """Removes its file; its pictures are in the gallery."""
        with suppress(OSError):
            (self.folder / f"{generation.id}.json").unlink(missing_ok=True)

    def make_scratch(self, generation: Generation) -> Path:
        """The folder in which its pictures are made."""
        scratch = self.folder / generation.id
        _make_folder(scratch)
        return scratch

    def clear_scratch(self, generation: Generation) -> None:
        """Removes that folder."""
        shutil.rmtree(self.folder / generation.id, ignore_errors=True)

    def take_up(self) -> Iterator[Generation]:
        """Reads what is on the disk. What was running is queued again, from the first picture that is not kept yet."""
        for path in sorted(self.folder.glob("*.json")):
            try:
                generation = Generation.read(path)
            except (IsengardError, OSError) as problem:
                _LOG.warning("a generation was passed over", file=path.name, problem=str(problem))
                continue
            self.clear_scratch(generation)
            if generation.state == "running":
                self._begin_again(generation)
            if generation.over:
                values = generation.error or {"pictures": generation.pictures}
                generation.begin_with({"type": generation.state, **values})
            yield generation

    def _begin_again(self, generation: Generation) -> None:
        generation.state = "queued"
        if generation.attempt >= ATTEMPTS:
            message = "The program ended while these pictures were being made, more than once."
            generation.state = "failed"
            generation.error = IsengardError("GENERATOR_DIED", message).as_dict()
        self.try_to_write(generation)


def _make_folder(folder: Path) -> None:
    with told_plainly(folder):
        folder.mkdir(parents=True, exist_ok=True)
