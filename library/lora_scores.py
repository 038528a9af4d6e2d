"""What was measured of LoRAs: what their records say, or else how like the person their training's samples were."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..errors import IsengardError
from ..trainer.job import JobFolder
from . import names
from .likeness import measuring
from .loras import Lora
from .store import Library

Scores = Mapping[str, float]


def scores(library: Library, loras: Iterable[Lora]) -> dict[str, Scores | None]:
    """By id; None for one of which nothing was measured. Reads files only: nothing is looked at for this."""
    found: dict[str, Scores | None] = {}
    jobs: dict[str, dict[int, Scores]] = {}
    for lora in loras:
        if lora.scores is None and lora.job and lora.job not in jobs:
            jobs[lora.job] = _of_job(library, lora.job)
        found[lora.id] = lora.scores if lora.scores is not None else jobs.get(lora.job, {}).get(lora.step)
    return found


def _of_job(library: Library, job_id: str) -> dict[int, Scores]:
    """By step: `likeness`, and `leak` where it was measured; nothing for a job that is gone or was not looked at."""
    if not names.is_safe(job_id):
        return {}
    folder = JobFolder(library.jobs / job_id)
    if not (folder.path / measuring.FILE).is_file():
        return {}
    try:
        steps = measuring.measured(folder).steps
    except (IsengardError, OSError):
        return {}
    told = {step.step: {"likeness": step.likeness, "leak": step.leak} for step in steps if step.likeness is not None}
    return {step: {name: value for name, value in values.items() if value is not None} for step, values in told.items()}
