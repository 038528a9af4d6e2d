"""result.json: what a finished training made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ....files import write_json
from ...config import TrainingConfig
from ...events import now
from ...job import FORMAT, JobFolder


def write_result(
    job: JobFolder, config: TrainingConfig, lora: Path, *, loss: float, seconds: float, identity: str
) -> None:
    """Writes the result; the job's state becomes done only afterwards."""
    result: dict[str, Any] = {
        "format": FORMAT,
        "lora": lora.relative_to(job.path).as_posix(),
        "name": config.name,
        "trigger_word": config.trigger_word,
        "family": config.family,
        "steps": config.steps,
        "loss": round(loss, 6),
        "training_seconds": round(seconds, 2),
        "checkpoints": sorted(
            file.relative_to(job.path).as_posix() for file in job.checkpoints.glob("step_*/*.safetensors")
        ),
        "samples": sorted(file.relative_to(job.path).as_posix() for file in job.samples.glob("step_*.png")),
        "identity": identity,
        "finished": now(),
    }
    write_json(job.result_file, result)
