"""A zip with all that is needed to find out why a training went wrong, and nothing that is nobody's business."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..errors import IsengardError
from ..trainer.job import JobFolder
from . import machine
from .job_files import checkpoints, read_origin
from .joblogs import files_of
from .redaction import Redaction

_MOST_LOG = 50_000_000
"""Bytes of logs, counted from their end."""
_README = """What is in this bundle
======================
Made by Isengard to find out what happened in one training. It is plain text: look through it before you send it.

  config.json      the training's settings
  state.json       where the training stands, and the error it ended with
  origin.json      whose training it is, and the plan that was made before it began (time, memory, disk, warnings)
  dataset.jsonl    the photos' names, sizes and captions; not the photos
  events.jsonl     what happened, event by event: states, progress, losses, samples, checkpoints, errors
  log.jsonl …      the trainer's log (log.jsonl.1 and so on are older)
  server.jsonl     what the server's log says of this training
  output.txt       what the trainer's process printed last
  control.json     what was asked of the trainer
  result.json      what came of it
  checkpoints.json which checkpoints there are, with their sizes
  versions.json    versions of Python, the system and the packages
  device.json      GPU, memory and disk
{photos}
Left out: the environment, tokens and passwords (removed wherever they would show), user names in paths (shown as ~),
paths outside the library (only their last part is shown), the LoRA and the base model{without}.
"""
_PHOTOS = "  photos/, samples/ the photos and the sample pictures, because they were asked for\n"
_RECORDS = ("config.json", "state.json", "origin.json", "control.json", "result.json")


def write_bundle(job: JobFolder, target: Path, redaction: Redaction, *, root: Path, photos: bool = False) -> None:
    """Writes the zip to `target`. With `photos`, photos and samples are in it. What can't be read is left out and told.
    `root` is the library's folder, in whose `logs/` a server may have written of this job.

    Large logs are read line by line; of very large ones the beginning is left out.
    """
    missing: list[str] = []
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as bundle:
        for name in _RECORDS:
            _add_json(bundle, job.path / name, name, redaction, missing)
        for path in (job.dataset_file, job.events_file, *files_of(job.log_file), job.path / "output.txt"):
            _add_lines(bundle, path, redaction, missing)
        _add_server_log(bundle, root / "logs" / "server.jsonl", job, redaction, missing)
        _put(bundle, "versions.json", machine.versions())
        _put(bundle, "device.json", redaction.values(_device(root)))
        _put(bundle, "checkpoints.json", _checkpoints(job))
        for path in _pictures(job) if photos else ():
            bundle.write(path, f"{path.parent.name}/{path.name}", zipfile.ZIP_STORED)
        if missing:
            bundle.writestr("missing.txt", redaction.text("\n".join(missing)) + "\n")
        bundle.writestr("README.txt", _readme(photos))


def _readme(photos: bool) -> str:
    return _README.format(photos=_PHOTOS if photos else "", without="" if photos else ", photos and samples")


def _add_json(bundle: zipfile.ZipFile, path: Path, name: str, redaction: Redaction, missing: list[str]) -> None:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return
    except OSError as problem:
        missing.append(f"{name}: {problem.strerror}")
        return
    try:
        _put(bundle, name, redaction.values(json.loads(text)))
    except (ValueError, RecursionError):  # a damaged file may be the very reason for the bundle
        bundle.writestr(name, redaction.text(text))


def _add_lines(bundle: zipfile.ZipFile, path: Path, redaction: Redaction, missing: list[str]) -> None:
    try:
        with path.open("rb") as source, bundle.open(path.name, "w", force_zip64=True) as entry:
            size = source.seek(0, 2)
            source.seek(max(0, size - _MOST_LOG))
            if size > _MOST_LOG:
                source.readline()
                entry.write(b'{"message": "the beginning was left out"}\n')
            for line in source:
                entry.write(_shown(line, redaction))
    except FileNotFoundError:
        return
    except OSError as problem:
        missing.append(f"{path.name}: {problem.strerror}")


def _add_server_log(
    bundle: zipfile.ZipFile, path: Path, job: JobFolder, redaction: Redaction, missing: list[str]
) -> None:
    """The lines that name the job, or a request that it came from."""
    try:
        ids = {job.path.name, job.state().correlation_id} - {""}
    except IsengardError:
        ids = {job.path.name}
    marks = [mark.encode() for mark in ids]
    try:
        with bundle.open("server.jsonl", "w", force_zip64=True) as entry:
            for file in files_of(path):
                with file.open("rb") as source:
                    entry.writelines(_shown(line, redaction) for line in source if any(mark in line for mark in marks))
    except OSError as problem:
        missing.append(f"server.jsonl: {problem.strerror}")


def _shown(line: bytes, redaction: Redaction) -> bytes:
    text = line.decode("utf-8", "replace")
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return redaction.text(text).encode()
    return (json.dumps(redaction.values(values), ensure_ascii=False) + "\n").encode("utf-8", "replace")


def _put(bundle: zipfile.ZipFile, name: str, values: Any) -> None:
    bundle.writestr(name, json.dumps(values, ensure_ascii=False, indent=1) + "\n")


def _device(root: Path) -> dict[str, Any]:
    free, total = machine.memory()
    disk_free, disk_total = machine.disk(root)
    return {
        "gpus": [asdict(card) for card in machine.gpus()],
        "memory": {"free": free, "total": total},
        "disk": {"free": disk_free, "total": disk_total},
    }


def _checkpoints(job: JobFolder) -> dict[str, Any]:
    try:
        plan = bool(read_origin(job).get("plan"))
    except IsengardError:
        plan = False
    found = {str(step): path.stat().st_size for step, path in checkpoints(job).items()}
    return {"lora_bytes_by_step": found, "planned": plan}


def _pictures(job: JobFolder) -> Iterator[Path]:
    for folder in (job.photos, job.samples):
        for path in sorted(folder.iterdir()) if folder.is_dir() else []:
            if path.is_file() and not path.is_symlink():
                yield path
