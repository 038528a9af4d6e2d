"""How fast trainings were on this machine, so that the next one's time can be told: pace.json in the library."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from .. import log
from ..errors import IsengardError
from ..files import read_json, write_json
from ..trainer.job import JobFolder, TrainingConfig, read_events
from . import machine
from .store import Library

_KEPT = 60
"""Trainings that are remembered."""
_GUESSES = {"mini": (0.25, 8.0, 0.6), "flux1-dev": (1.5, 120.0, 30.0)}
"""Seconds a step, before the first step and a sample picture, where nothing was measured: rather too long."""
_LOG = log.get("library.pace")


@dataclass(frozen=True, kw_only=True)
class Pace:
    """One training that was measured."""

    family: str
    device: str
    targets: str
    gradient_checkpointing: bool
    pixels: float
    """Pixels in a step."""
    seconds_per_step: float
    start_seconds: float
    """From the start of the process to the first step."""
    sample_seconds: float
    """For a sample picture; saving is in it."""
    job: str = ""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """How long a training will take."""

    seconds: float
    seconds_per_step: float
    source: str
    """`measured`: such a training ran here; `scaled`: one of another size did; `guess`: none did."""


def estimate(library: Library, config: TrainingConfig) -> Estimate:
    """From the nearest training that was measured on this device, scaled by the pixels in a step."""
    device, wanted = machine.device_name(), _pixels(config)
    near = [pace for pace in _read(library) if (pace.family, pace.device) == (config.family, device)]
    rounds = math.ceil(config.steps / config.sample_every) + 1 if config.sample_every else 0
    pictures = rounds * len(config.sample_prompts)
    if not near:
        step, start, sample = _GUESSES[config.family]
        step *= wanted / (4 * 128 * 128 if config.family == "mini" else 512 * 512)
        return Estimate(seconds=start + config.steps * step + pictures * sample, seconds_per_step=step, source="guess")
    best = min(reversed(near), key=lambda pace: _distance(pace, config, wanted))
    step = best.seconds_per_step * wanted / best.pixels
    seconds = best.start_seconds + config.steps * step + pictures * best.sample_seconds
    alike = _distance(best, config, wanted) < 0.05
    return Estimate(seconds=seconds, seconds_per_step=step, source="measured" if alike else "scaled")


def remember(library: Library, job: JobFolder) -> None:
    """Notes the pace of a finished training; one that ran in several attempts counts by its last. Never fails."""
    try:
        if (pace := _measured(job)) is not None:
            known = [item for item in _read(library) if item.job != pace.job]
            write_json(_file(library), {"format": 1, "trainings": [asdict(item) for item in [*known, pace][-_KEPT:]]})
    except (IsengardError, OSError, ValueError, KeyError, TypeError) as problem:
        _LOG.warning("the pace was not noted", problem=str(problem))


def _measured(job: JobFolder) -> Pace | None:
    config, events = job.config(), read_events(job.events_file)
    begun = max((event["seq"] for event in events if event.get("state") == "preparing"), default=0)
    events = [event for event in events if event["seq"] >= begun]
    states = {event["state"]: _seconds(event) for event in events if event["type"] == "state"}
    paces = [event["seconds_per_step"] for event in events if event.get("phase") == "train"]
    steps = sum(event["type"] == "loss" for event in events)
    if not paces or not {"preparing", "training", "done"} <= states.keys() or steps < 2:
        return None
    step = sorted(paces)[len(paces) // 2]
    pictures = sum(event["type"] == "sample" for event in events)
    start = states["training"] - states["preparing"]
    rest = max(0.0, states["done"] - states["training"] - steps * step)
    return Pace(
        family=config.family,
        device=machine.device_name(),
        targets=config.targets,
        gradient_checkpointing=config.gradient_checkpointing,
        pixels=_pixels(config),
        seconds_per_step=round(step, 5),
        start_seconds=round(max(0.0, start), 2),
        sample_seconds=round(rest / max(1, pictures), 3),
        job=job.path.name,
    )


def _seconds(event: dict[str, Any]) -> float:
    return datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp()


def _pixels(config: TrainingConfig) -> float:
    areas = [side * side for side in config.resolutions]
    return config.batch_size * config.gradient_accumulation * sum(areas) / len(areas)


def _distance(pace: Pace, config: TrainingConfig, pixels: float) -> float:
    other = int(pace.targets != config.targets)
    other += pace.gradient_checkpointing != config.gradient_checkpointing
    return other + abs(math.log(pixels / pace.pixels))


def _file(library: Library) -> Any:
    return library.root / "pace.json"


def _read(library: Library) -> list[Pace]:
    """What was measured; a damaged file only makes estimates poorer."""
    try:
        return list(_paces(read_json(_file(library), "LIBRARY_CORRUPT")["trainings"]))
    except FileNotFoundError:
        return []
    except (IsengardError, KeyError, TypeError, AttributeError):
        _LOG.warning("pace.json can't be read and will be written anew")
        return []


def _paces(found: Iterable[dict[str, Any]]) -> Iterable[Pace]:
    known = {item.name for item in fields(Pace)}
    for values in found:
        pace = Pace(**{key: value for key, value in values.items() if key in known})
        if pace.pixels > 0 and pace.seconds_per_step > 0:
            yield pace
