"""A whole training by the clock, from a filled cache to its LoRA."""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from .. import log
from ..trainer.job import JobFolder, read_events
from ..trainer.run import run_job
from .filled import filled_job
from .gpu_common import config_of, peak, the_device


def measure_job(options: argparse.Namespace) -> dict[str, Any]:
    """A job from a filled cache to its LoRA, by the events' clock."""
    with tempfile.TemporaryDirectory() as folder:
        job = _filled_job(Path(folder) / "job", options)
        log.configure("error")
        begun = time.time()
        code = run_job(job.path)
        ended = time.time()
        assert code == 0, code
        events = read_events(job.events_file)
    told = {event["state"]: _when(event) for event in events if event["type"] == "state"}
    first = _when(next(event for event in events if event["type"] == "loss"))
    paces = [event["seconds_per_step"] for event in events if event.get("phase") == "train"]
    step = statistics.median(paces[1:] or paces)
    return {
        "load_s": round(told["training"] - begun, 2),
        "first_report_s": round(first - told["training"], 2),
        "train_s": round(told["done"] - told["training"], 2),
        "step_ms": round(step * 1000, 2),
        "steps": len([event for event in events if event["type"] == "loss"]),
        "total_s": round(ended - begun, 2),
        "peak_bytes": peak(the_device()),
    }


def _when(event: dict[str, Any]) -> float:
    return datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp()


def _filled_job(path: Path, options: argparse.Namespace) -> JobFolder:
    """Twenty photos of the size that is measured."""
    side = options.child["side"]
    config = dataclasses.replace(
        config_of(options), steps=options.steps * 10, warmup_steps=2, log_every=5, save_every=100_000,
        compile_blocks=options.compile,
    )  # fmt: skip
    width, pooled = _widths(options.model)
    return filled_job(path, config, photos=20, side=side, tokens=options.text, width=width, pooled=pooled)


def _widths(model: Path) -> tuple[int, int]:
    if model.is_file():
        return 4096, 768
    values = json.loads((model / "config.json").read_text(encoding="utf-8"))
    return values["joint_attention_dim"], values["pooled_projection_dim"]
