"""Measures how like the person a training's samples are, and keeps it as `likeness.json` in the job's folder.

Only scores are kept: a face's vector says who somebody is, and job folders travel.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ... import log, settings
from ...errors import IsengardError
from ...files import read_json, write_json
from ...sentences import Said, from_json, several, to_json
from ...trainer.job import JobFolder, TrainingConfig
from ..child import Child, ChildDiedError
from ..job_files import checkpoints
from ..report.faces import where_to_get
from .comparing import StepScore, Vector, among, by_step, compared, recommended

FORMAT = 1
FILE = "likeness.json"
Method = Literal["drawn", "sface"]
_PROGRAMS: dict[str, tuple[Method, str]] = {"mini": ("drawn", "_drawn_vectors")}
"""By the base model's family, where it is not photographs: the method's name and the program that looks."""
_PHOTOGRAPHS: tuple[Method, str] = ("sface", "_face_vectors")
_START_SECONDS = 300.0
"""It steps back for other programs, so it may take long beside one that works hard."""
_PICTURE_SECONDS = 60.0
_LARGEST = 1e6
"""Of any number in the file: what is no number or has no end is not below it."""
_SAMPLE = re.compile(r"step_(\d+)_(\d+)\.png")
_LOG = log.get("library.likeness")


@dataclass(frozen=True, kw_only=True)
class Likeness:
    """What is known of a training's samples."""

    method: Method
    """drawn: the embedded model's own reader; sface: faces in photographs."""
    missing: str = ""
    """Why nothing could be measured, with what to do; empty where it could."""
    photos: int = 0
    """Training photos with a face, which the samples are compared with."""
    among_photos: float | None = None
    """How like each other the photos are: what can be reached."""
    steps: tuple[StepScore, ...] = ()
    """0 is the base model, before any training."""
    recommended: int | None = None
    """The kept step from which on nothing is gained; None where that can't be told."""


def measured(folder: JobFolder) -> Likeness:
    """What was measured until now; reads files only. Raises CONFIG_UNREADABLE."""
    config = folder.config()
    return _summed_up(folder, config, _kept(folder))


def waiting(models: Path, folder: JobFolder) -> bool:
    """Whether there are samples that were not looked at yet and, as far as is known, can be."""
    kept = _kept(folder)
    return kept.get("models") != _models(models) and any(_new(folder, kept))


def measure(models: Path, folder: JobFolder) -> bool:
    """Looks at the samples that are new, in a process of its own. Returns whether anything was.

    `models` is the folder of the face models. Raises LIKENESS_FAILED, CONFIG_UNREADABLE, JOB_CORRUPT, DISK_FULL,
    FOLDER_NOT_WRITABLE.
    """
    config, kept = folder.config(), _kept(folder)
    fresh = list(_new(folder, kept))
    if not fresh:
        return False
    method, program = _PROGRAMS.get(config.family, _PHOTOGRAPHS)
    kept = {"format": FORMAT, "method": method, "pictures": kept.get("pictures", {})}
    with _child(program, models) as (child, missing):
        if missing:
            write_json(folder.path / FILE, {**kept, "missing": to_json(missing), "models": _models(models)})
            return True
        photos = [_vector(child, folder.path / photo.file) for photo in folder.dataset()]
        for path in fresh:
            score = compared(_vector(child, path), photos)
            kept["pictures"][path.name] = {"mark": _mark(path), "score": None if score is None else round(score, 4)}
    alike = among(photos)
    kept |= {
        "photos": sum(vector is not None for vector in photos),
        "among_photos": None if alike is None else round(alike, 4),
    }
    write_json(folder.path / FILE, kept)
    return True


@contextmanager
def _child(program: str, models: Path) -> Iterator[tuple[Child, str]]:
    """The program that looks, and what it lacks."""
    child = Child(settings.PACK, [program, str(models)])
    try:
        told = child.answer(_START_SECONDS)
        yield child, "" if told.get("ready") else _how_to_get([from_json(note) for note in told["missing"]])
    except (ChildDiedError, TimeoutError) as problem:
        _LOG.error("likeness_failed", problem=str(problem), said=child.tail())
        raise IsengardError("LIKENESS_FAILED", f"The program that looks at the pictures {problem}.") from problem
    finally:
        child.end()


def _how_to_get(notes: Sequence[str]) -> Said:
    files = ", ".join(f"{item.file} ({item.project})" for item in where_to_get())
    text = f"Likeness can't be measured without a face model: put {files} into the library's folder `models`."
    told = several(notes) if notes else ""
    return Said("likeness.no_model", f"{text} {told}".strip(), files=files, notes=told)


def _vector(child: Child, file: Path) -> Vector:
    found = child.ask({"file": str(file)}, _PICTURE_SECONDS).get("vector")
    return [float(value) for value in found] if found else None


def _kept(folder: JobFolder) -> dict[str, Any]:
    """What the file says; nothing if there is none, or one that can't be used, which is then made anew."""
    try:
        found = read_json(folder.path / FILE)
    except (FileNotFoundError, IsengardError):
        return {}
    return found if isinstance(found, dict) and found.get("format") == FORMAT and _is_sound(found) else {}


def _is_sound(found: dict[str, Any]) -> bool:
    """Whether it holds what is written here: a job's folder may come from elsewhere."""
    try:
        from_json(found.get("missing", ""))
        scores = [entry.get("score") for entry in found.get("pictures", {}).values()]
        known = [number for number in (*scores, found.get("among_photos")) if number is not None]
        photos = found.get("photos", 0)
        return isinstance(photos, int) and all(abs(number) < _LARGEST for number in (photos, *known))
    except (KeyError, TypeError, ValueError, AttributeError):
        return False


def _new(folder: JobFolder, kept: dict[str, Any]) -> Iterator[Path]:
    known = kept.get("pictures", {})
    for path, _, _ in _samples(folder):
        entry = known.get(path.name)
        if entry is None or entry.get("mark") != _mark(path):
            yield path


def _samples(folder: JobFolder) -> Iterator[tuple[Path, int, int]]:
    """The sample pictures, with step and prompt."""
    for path in sorted(folder.samples.glob("step_*.png")):
        if match := _SAMPLE.fullmatch(path.name):
            yield path, int(match[1]), int(match[2])


def _models(folder: Path) -> list[str]:
    """What lies in the folder of the face models: where it lacks one, nothing is tried until that changes."""
    return sorted(path.name for path in folder.glob("*.onnx"))


def _mark(path: Path) -> str:
    status = path.stat()
    return f"{status.st_size} {status.st_mtime_ns}"


def _summed_up(folder: JobFolder, config: TrainingConfig, kept: dict[str, Any]) -> Likeness:
    known = kept.get("pictures", {})
    scores = {
        (step, prompt): known[path.name].get("score") for path, step, prompt in _samples(folder) if path.name in known
    }
    word = config.trigger_word.casefold()
    asked = {index for index, prompt in enumerate(config.prompts) if word in prompt.casefold()}
    with_word = {key: score for key, score in scores.items() if key[1] in asked}
    without = {key: score for key, score in scores.items() if key[1] not in asked}
    return Likeness(
        method=_PROGRAMS.get(config.family, _PHOTOGRAPHS)[0],
        missing=from_json(kept.get("missing", "")),
        photos=int(kept.get("photos", 0)),
        among_photos=kept.get("among_photos"),
        steps=tuple(by_step(with_word, without)),
        recommended=recommended(with_word, sorted(checkpoints(folder))),
    )
