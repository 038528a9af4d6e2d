"""Checkpoints: written aside, synced, renamed; the newest whole one is what a run goes on from."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from pickle import UnpicklingError
from typing import IO, Any

import torch

from .... import log
from ....errors import IsengardError
from ....files import read_json, replace, sync, told_plainly, write_json
from ...job import check_format

FORMAT = 1
KEPT_STATES = 2
"""So many of the newest full states are kept; LoRA files are small and are all kept."""
_STATE = "state.pt"
_MANIFEST = "checkpoint.json"
_DAMAGE = (ValueError, KeyError, TypeError, AttributeError, RuntimeError, EOFError, UnpicklingError)
"""What reading a file that was cut short, or that is something else, may end in."""
_LOG = log.get("trainer.checkpoints")


class Checkpoints:
    """The checkpoints of one job."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, step: int) -> Path:
        """Folder of a step's checkpoint."""
        return self.folder / f"step_{step:06d}"

    def save(self, step: int, state: dict[str, Any], write_lora: Callable[[Path], Path]) -> Path:
        """Writes a checkpoint and returns its LoRA file; older full states beyond the newest two go afterwards, and so
        do those of later steps: they are damaged, or of a run that was taken back to here.

        `write_lora` writes the LoRA into a folder and returns the file. Whatever fails, nothing half-written stands
        under a final name and the checkpoints before are untouched. Raises DISK_FULL, FOLDER_NOT_WRITABLE.
        """
        target = self.path(step)
        with told_plainly(target):
            self.folder.mkdir(parents=True, exist_ok=True)
            aside = self.folder / f".{target.name}.{secrets.token_hex(4)}.tmp"
            try:
                aside.mkdir()
                lora = write_lora(aside)
                _write(state, aside / _STATE)
                sync(aside / _STATE)
                sizes = {name: (aside / name).stat().st_size for name in (_STATE, lora.name)}
                write_json(aside / _MANIFEST, {"format": FORMAT, "step": step, "lora": lora.name, "sizes": sizes})
                sync(aside)
                if target.exists():  # left by a run that went further before it was taken back
                    shutil.rmtree(target)
                replace(aside, target)
                sync(self.folder)
            except BaseException:
                shutil.rmtree(aside, ignore_errors=True)
                raise
        self._thin_out(target)
        return target / lora.name

    def newest(self) -> tuple[int, dict[str, Any]] | None:
        """Step and state of the newest checkpoint that is whole; damaged ones are passed over with a warning.

        Raises LIBRARY_NEWER for one of a newer version: passing it over would throw away what was trained since.
        """
        for folder in sorted(self.folder.glob("step_*"), reverse=True):
            if not (folder / _STATE).is_file():
                continue
            try:
                manifest = read_json(folder / _MANIFEST)
                whole = all((folder / name).stat().st_size == size for name, size in manifest["sizes"].items())
                check_format(manifest, folder / _MANIFEST, FORMAT)
                if not whole:
                    raise ValueError("a file has another size than when it was written")
                state = torch.load(folder / _STATE, map_location="cpu", weights_only=True)
                return int(manifest["step"]), state
            except (IsengardError, OSError, *_DAMAGE) as problem:
                if isinstance(problem, IsengardError) and problem.code == "LIBRARY_NEWER":
                    raise
                _LOG.warning("a damaged checkpoint was passed over", folder=str(folder), problem=str(problem))
        return None

    def _thin_out(self, last: Path) -> None:
        states = sorted(self.folder.glob(f"step_*/{_STATE}"))
        good = [state for state in states if state.parent.name <= last.name]
        for state in {*states} - {*good[-KEPT_STATES:]}:
            state.unlink(missing_ok=True)


class _Told:
    """A file for torch's writer, which hides why a write failed."""

    def __init__(self, file: IO[bytes]) -> None:
        self._write = file.write
        self.problem: OSError | None = None

    def write(self, data: memoryview) -> int:
        try:
            return self._write(data)
        except OSError as problem:
            self.problem = problem
            raise

    def flush(self) -> None:
        """The file is flushed when it is closed."""


def _write(state: dict[str, Any], path: Path) -> None:
    """Piece by piece: packed in memory first, a state of a gigabyte would need two."""
    with path.open("wb") as file:
        told = _Told(file)
        try:
            torch.save(state, told)
        except RuntimeError:
            if told.problem:
                raise told.problem from None
            raise
