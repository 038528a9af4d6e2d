"""What stands beside and inside a job's folder and makes it a job of the library: origin, checkpoints, identity."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from ..errors import IsengardError
from ..files import read_json
from ..sentences import as_said, from_json
from ..trainer.job import JobFolder, TrainingConfig, job_identity
from .plans import Plan

FORMAT = 1
"""Version of origin.json."""
ORIGIN = "origin.json"
_STEP = re.compile(r"step_(\d+)")


def read_origin(folder: JobFolder) -> dict[str, Any]:
    """What `origin.json` says; a job from elsewhere has none. Raises JOB_CORRUPT, LIBRARY_NEWER."""
    try:
        found = read_json(folder.path / ORIGIN)
    except FileNotFoundError:
        return {}
    if not isinstance(found, dict):
        raise IsengardError("JOB_CORRUPT", f"{folder.path / ORIGIN} says nothing of the job.")
    if isinstance(found.get("format"), int) and found["format"] > FORMAT:
        raise IsengardError("LIBRARY_NEWER", f"{folder.path / ORIGIN} was written by a newer version of Isengard.")
    try:
        _check_origin(found)
    except (KeyError, TypeError, ValueError) as problem:
        raise IsengardError("JOB_CORRUPT", f"{folder.path / ORIGIN} can't be used: {problem!r}.") from problem
    return found


def _check_origin(found: dict[str, Any]) -> None:
    for name, kind in (("character", str), ("lora", str), ("photos", int), ("plan", dict), ("warnings", list)):
        if not isinstance(found.get(name), kind | None):
            raise TypeError(f"{name} is {found[name]!r:.60}")
    for warning in found.get("warnings") or ():
        from_json(warning)


def finished_lora(folder: JobFolder) -> Path:
    """The file that `result.json` names, which must lie in the job. Raises JOB_CORRUPT."""
    found = read_json(folder.result_file)
    path = folder.path / str(found.get("lora", "")) if isinstance(found, dict) else folder.path
    if not path.is_file() or not path.resolve().is_relative_to(folder.path.resolve()):
        raise IsengardError("JOB_CORRUPT", f"{folder.result_file} names no LoRA of this job.")
    return path


def checkpoints(folder: JobFolder) -> dict[int, Path]:
    """The LoRA of each checkpoint, by step."""
    found = {}
    for path in sorted(folder.checkpoints.glob("step_*")):
        match, files = _STEP.fullmatch(path.name), sorted(path.glob("*step[0-9]*.safetensors"))
        if match and files:
            found[int(match[1])] = files[0]
    return found


def identity(folder: JobFolder, config: TrainingConfig | None = None) -> str:
    """Equal for trainings that would give the same LoRA; empty for a job that can't be read."""
    try:
        config = config or folder.config()
        base = config.base.transformer
        file = Path(base)
        mark = json.dumps([file.name, file.stat().st_size if file.is_file() else 0] if base else [])
        return job_identity(config, folder.dataset(), mark)
    except (IsengardError, OSError):
        return ""


def describe(plan: Plan) -> dict[str, Any]:
    """A plan as JSON: for the API, the job's origin and the debug bundle."""
    outlook, estimate = plan.outlook, plan.estimate
    return {
        "photos": outlook.photos,
        "steps": outlook.config.steps if outlook.config else 0,
        "seconds": round(estimate.seconds) if estimate else None,
        "seconds_per_step": round(estimate.seconds_per_step, 4) if estimate else None,
        "pace": estimate.source if estimate else None,
        "memory_needed": plan.memory_needed,
        "memory_free": plan.memory_free,
        "on_gpu": plan.on_gpu,
        "disk_needed": outlook.disk_needed,
        "disk_free": outlook.disk_free,
        "warnings": [as_said(warning) for warning in outlook.warnings],
        "obstacles": [told(problem) for problem in plan.obstacles],
        "cautions": [told(problem) for problem in plan.cautions],
    }


def told(problem: IsengardError) -> dict[str, Any]:
    """An obstacle as JSON."""
    body = problem.as_dict()
    return {name: body.get(name) for name in ("code", "message", "hint", "said")}
