"""LoRAs of trainings that are done, taken in by whoever asks first.

A trainer knows no library: it says `done` when its LoRA lies in the job folder. Whoever reads a job or asks for LoRAs
calls this module first, so that nobody sees a job that is done without its LoRA, whichever program has trained it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from .. import log
from ..errors import IsengardError
from ..files import read_json
from ..trainer.job import JobFolder
from . import lora_records, names, pace
from .job_files import FORMAT, ORIGIN, finished_lora, read_origin
from .store import Library

_AGAIN_SECONDS = 30.0
"""After so long it is tried again where copying failed: a full disk must not be filled with attempts."""
_QUICK = ("CHARACTER_MISSING", "JOB_CORRUPT", "CONFIG_UNREADABLE", "NAME_INVALID")
"""What is found out before anything is copied, and so may be tried each time."""
_LOG = log.get("library.finished")


@dataclass(frozen=True)
class _Failed:
    """Why a job's LoRA could not be registered, and when that was."""

    code: str
    at: float


def take_in(library: Library) -> None:
    """Registers the LoRAs of all jobs that are done. Where nothing is new it only looks at the times of files.

    Never fails: what can't be registered is logged once and tried again.
    """
    for path in _jobs(library):
        seen = _stamp(path / "state.json")
        if seen is not None and library.jobs_seen.get(path.name) != seen:
            settle(library, JobFolder(path), seen)


def settle(library: Library, folder: JobFolder, seen: tuple[int, ...] | None = None) -> str:
    """`register` for those who only want to see what is there. Never fails."""
    job_id = folder.path.name
    known = library.jobs_seen.get(job_id)
    failed = known if isinstance(known, _Failed) else None
    if failed and failed.code not in _QUICK and time.monotonic() - failed.at < _AGAIN_SECONDS:
        return ""
    try:
        lora = register(library, folder)
    except (IsengardError, OSError) as problem:
        code = problem.code if isinstance(problem, IsengardError) else type(problem).__name__
        if failed is None or failed.code != code:
            _LOG.warning("a finished LoRA was not taken in", job=job_id, code=code, problem=str(problem))
        library.jobs_seen[job_id] = _Failed(code, time.monotonic())
        return ""
    if seen is not None:
        library.jobs_seen[job_id] = seen
    return lora


def register(library: Library, folder: JobFolder) -> str:
    """Registers the LoRA of a job that is done with its character, once for all programs, and notes its pace.

    Returns its id; nothing for a job that is not done or has no character. Raises JOB_CORRUPT, CONFIG_UNREADABLE,
    CHARACTER_MISSING, DISK_FULL, FOLDER_NOT_WRITABLE, LIBRARY_BUSY.
    """
    origin = read_origin(folder)
    slug = str(origin.get("character") or "")
    if origin.get("lora") or not slug or folder.state().state != "done":
        return str(origin.get("lora") or "")
    library.folder(slug)
    with library.changing(slug) as change:
        origin = read_origin(folder)
        if origin.get("lora") or not origin:  # another was faster, or has deleted the job
            return str(origin.get("lora") or "")
        config = folder.config()
        lora = lora_records.add(
            library,
            change,
            slug,
            finished_lora(folder),
            job=folder.path.name,
            step=config.steps,
            family=config.family,
            trigger_word=config.trigger_word,
            base={part: path for part, path in asdict(config.base).items() if path},
            scores=scores_of(folder),
        )
        change.write_json(folder.path / ORIGIN, {"format": FORMAT, **origin, "lora": lora.id})
        pace.remember(library, folder)
    return lora.id


def scores_of(folder: JobFolder) -> Mapping[str, float] | None:
    """What the trainer has measured of its LoRA: `scores` in result.json, names with numbers; None if it measured
    nothing."""
    found = read_json(folder.result_file)
    return lora_records.sound_scores(found.get("scores") if isinstance(found, dict) else None) or None


def _jobs(library: Library) -> Iterator[Path]:
    try:
        with os.scandir(library.jobs) as found:
            folders = sorted(item.name for item in found if names.is_safe(item.name))
    except FileNotFoundError:
        return
    yield from (library.jobs / name for name in folders)


def _stamp(file: Path) -> tuple[int, ...] | None:
    try:
        found = file.stat()
        return found.st_mtime_ns, found.st_ino, found.st_size
    except OSError:
        return None
