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
from ..trainer.plan import UNKNOWN, Features, MemoryPlan, Way, longer_by, way_as_set
from . import machine
from .store import Library

_KEPT = 60
"""Trainings that are remembered."""
_GUESSES = {"mini": (0.25, 8.0, 0.6), "flux1-dev": (1.5, 120.0, 30.0)}
"""Seconds a step, before the first step and a sample picture, where nothing was measured: rather too long."""
_HELD = 4 / 3
"""What holding the class adds to a step of one: a forward pass without the LoRA, and a whole pass with it."""
_LOG = log.get("library.pace")


@dataclass(frozen=True, kw_only=True)
class Pace:
    """One training that was measured."""

    family: str
    device: str
    targets: str
    base_weights: str
    """How the base model was kept, and how many of its blocks were recomputed and swapped: what the memory allowed."""
    recompute_blocks: int
    swap_blocks: int
    pixels: float
    """Pixels in a step."""
    seconds_per_step: float
    start_seconds: float
    """From the start of the process to the first step, and what compiling takes in that one."""
    sample_seconds: float | None
    """For a sample picture; saving is in it. None: there was none."""
    job: str = ""

    @property
    def way(self) -> Way:
        return Way(self.base_weights, self.recompute_blocks, self.swap_blocks)


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """How long a training will take."""

    seconds: float
    seconds_per_step: float
    source: str
    """`measured`: such a training ran here; `scaled`: one of another size, or with more or less room, did; `guess`:
    none did."""


def estimate(
    library: Library, config: TrainingConfig, plan: MemoryPlan | None = None, features: Features = UNKNOWN
) -> Estimate:
    """From the nearest training that was measured on this device, scaled by the pixels in a step and by what the memory
    plan gives up for room; without a plan by what the settings say of it."""
    device, wanted = machine.device_name(), _pixels(config)
    way = plan.way if plan else way_as_set(config)
    near = [pace for pace in _read(library) if (pace.family, pace.device) == (config.family, device)]
    rounds = math.ceil(config.steps / config.sample_every) + 1 if config.sample_every else 0
    pictures = rounds * len(config.sample_prompts)
    step, start, sample = _GUESSES[config.family]
    if not near:
        step *= wanted / (4 * 128 * 128 if config.family == "mini" else 512 * 512)
        step *= longer_by(config, way, Way(), features)
        return Estimate(seconds=start + config.steps * step + pictures * sample, seconds_per_step=step, source="guess")
    best = min(reversed(near), key=lambda pace: _distance(pace, config, way, wanted))
    step = best.seconds_per_step * wanted / best.pixels * longer_by(config, way, best.way, features)
    seconds = best.start_seconds + config.steps * step + pictures * _sample_seconds(best, near, sample)
    alike = _distance(best, config, way, wanted) < 0.05
    return Estimate(seconds=seconds, seconds_per_step=step, source="measured" if alike else "scaled")


def _sample_seconds(best: Pace, near: Iterable[Pace], guess: float) -> float:
    """What a picture took in the nearest training, else in any other."""
    measured = [pace.sample_seconds for pace in (best, *near) if pace.sample_seconds is not None]
    return measured[0] if measured else guess


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
    reports = [event for event in events if event.get("phase") == "train"]
    steps = sum(event["type"] == "loss" for event in events)
    if not reports or not {"preparing", "training", "done"} <= states.keys() or steps < 2:
        return None
    paces = [event["seconds_per_step"] for event in reports]
    step = sorted(paces)[len(paces) // 2]
    first = sum(event["type"] == "loss" and event["seq"] < reports[0]["seq"] for event in events)
    compiling = max(0.0, first * (paces[0] - step))
    start = max(0.0, states["training"] - states["preparing"]) + compiling
    rest = max(0.0, states["done"] - states["training"] - steps * step - compiling)
    pictures = sum(event["type"] == "sample" for event in events)
    way = _way(job, config)
    return Pace(
        family=config.family,
        device=machine.device_name(),
        targets=config.targets,
        base_weights=way.base_weights,
        recompute_blocks=way.recompute_blocks,
        swap_blocks=way.swap_blocks,
        pixels=_pixels(config),
        seconds_per_step=round(step, 5),
        start_seconds=round(start, 2),
        sample_seconds=round(rest / pictures, 3) if pictures else None,
        job=job.path.name,
    )


def _way(job: JobFolder, config: TrainingConfig) -> Way:
    """How the training was fitted into the memory, as the trainer noted it."""
    try:
        noted = read_json(job.memory_file)
    except FileNotFoundError:
        return way_as_set(config)
    return Way(str(noted["base_weights"]), int(noted["recompute_blocks"]), int(noted["swap_blocks"]))


def _seconds(event: dict[str, Any]) -> float:
    return datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp()


def _pixels(config: TrainingConfig) -> float:
    """Pixels in a step on average: one that also holds the class goes over them again."""
    areas = [side * side for side in config.resolutions]
    passes = config.batch_size * config.gradient_accumulation * (1 + _HELD * config.class_preservation)
    return passes * sum(areas) / len(areas)


def _distance(pace: Pace, config: TrainingConfig, way: Way, pixels: float) -> float:
    """How little a measured training says about this one. Another way is told by an estimate only."""
    other = float(pace.targets != config.targets) + float(pace.base_weights != way.base_weights)
    other += abs(math.log(longer_by(config, way, pace.way)))
    return other + abs(math.log(pixels / pace.pixels))


def _file(library: Library) -> Any:
    return library.root / "pace.json"


def _read(library: Library) -> list[Pace]:
    """What was measured; a damaged file only makes estimates poorer."""
    try:
        return list(_paces(read_json(_file(library), "LIBRARY_CORRUPT")["trainings"]))
    except FileNotFoundError:
        return []
    except (IsengardError, KeyError, TypeError, ValueError, AttributeError):
        _LOG.warning("pace.json can't be read and will be written anew")
        return []


def _paces(found: Iterable[dict[str, Any]]) -> Iterable[Pace]:
    """Those that say how they were fitted into the memory: what ran before that was noted tells too little."""
    known = {item.name for item in fields(Pace)}
    for values in found:
        if "base_weights" in values:
            pace = Pace(**{key: value for key, value in values.items() if key in known})
            if pace.way.swap_blocks >= 0 and pace.pixels > 0 and pace.seconds_per_step > 0:
                yield pace
