"""What a job has made and what it was made with: files that may be looked at and taken away."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import IsengardError
from ..trainer.job import JobFolder
from . import names
from .job_files import checkpoints

_SAMPLE = re.compile(r"step_(\d+)_(\d+)\.png")
_RECORDS = ("config.json", "state.json", "dataset.jsonl", "events.jsonl", "log.jsonl", "output.txt", "result.json")


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """One file."""

    name: str
    """Unique within the job."""
    kind: str
    """lora, checkpoint, sample, photo or record."""
    path: Path
    bytes: int
    step: int | None = None
    index: int | None = None
    """Of a sample: which prompt."""


def list_all(job: JobFolder) -> list[Artifact]:
    """Everything, kind by kind."""
    return list(_all(job))


def find(job: JobFolder, name: str) -> Artifact:
    """One file by its name. Raises NAME_INVALID, ARTIFACT_MISSING."""
    if not names.is_safe(name):
        raise IsengardError("NAME_INVALID", f"{names.shown(name)} is not a name that can be used.")
    for artifact in _all(job):
        if artifact.name == name:
            return artifact
    raise IsengardError("ARTIFACT_MISSING", f"The job has no file {names.shown(name)}.")


def _all(job: JobFolder) -> Iterator[Artifact]:
    for path in _files(job.lora, "*.safetensors"):
        yield from _artifact(path, "lora")
    for step, path in checkpoints(job).items():
        yield from _artifact(path, "checkpoint", step)
    for path in _files(job.samples, "*.png"):
        if match := _SAMPLE.fullmatch(path.name):
            yield from _artifact(path, "sample", int(match[1]), int(match[2]))
    for path in _files(job.photos, "*"):
        yield from _artifact(path, "photo")
    for name in _RECORDS:
        yield from _artifact(job.path / name, "record")


def _files(folder: Path, pattern: str) -> list[Path]:
    return sorted(folder.glob(pattern)) if folder.is_dir() else []


def _artifact(path: Path, kind: str, step: int | None = None, index: int | None = None) -> Iterator[Artifact]:
    if names.is_safe(path.name) and path.is_file() and not path.is_symlink():
        yield Artifact(name=path.name, kind=kind, path=path, bytes=path.stat().st_size, step=step, index=index)
