"""What a training would take, and what stands in its way, told before anything is written. Imports no torch."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..errors import IsengardError
from ..media.folders import find_photos
from ..sentences import Said
from .config import TrainingConfig
from .disk import estimate_disk, too_little
from .families import check_base
from .memory_need import ARCHITECTURES
from .memory_plan import FP8_FROM, INT8_FROM, UNKNOWN, Features, MemoryPlan, Way, choose_plan, step_time


@dataclass(frozen=True)
class MemoryNeed:
    """Bytes that a training takes at most, estimated."""

    device: int
    """On the GPU; for a model that trains on the CPU, of the main memory."""
    main: int
    """Of the main memory while the base model is loaded."""


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """What lies ahead."""

    photos: int
    """Photos that would be trained on."""
    config: TrainingConfig | None
    """None if the settings don't make one."""
    warnings: tuple[Said, ...]
    """What is allowed but not good."""
    obstacles: tuple[IsengardError, ...]
    """What must be mended first."""
    disk_needed: int
    """Bytes; 0 if it could not be worked out."""
    disk_free: int
    memory: MemoryNeed | None
    memory_plan: MemoryPlan | None
    """How the training would be fitted into the device's memory."""


def look_ahead(
    photos_dir: Path,
    config: Callable[[int], TrainingConfig],
    disk_at: Path,
    *,
    encoders: bool = True,
    device_free: int | None = None,
    main_free: int | None = None,
    on_gpu: bool = True,
    features: Features = UNKNOWN,
) -> Outlook:
    """Looks at the photos, the settings, the base model's files and the disk of the existing folder `disk_at`.

    Without `encoders`, VAE and text encoders are somebody else's matter: they are loaded on a graph. `device_free`
    and `main_free` are how many bytes of the GPU's and of the main memory are free, None if nobody knows; `features`
    is what `features_of` says of the GPU.
    """
    from .photos import read_folder

    obstacles: list[IsengardError] = []
    warnings: tuple[Said, ...] = ()
    sizes: list[int] = []
    try:
        found = read_folder(photos_dir)
        warnings, sizes = found.warnings, [photo.info.bytes for photo in found.photos]
        count = len(sizes)
    except IsengardError as problem:
        obstacles.append(problem)
        count = _count(photos_dir)
    made: TrainingConfig | None = None
    try:
        made = config(count)
        check_base(made.family, made.base, encoders=encoders)
    except IsengardError as problem:
        obstacles.append(problem)
    needed, free = estimate_disk(made, sizes) if made else 0, shutil.disk_usage(disk_at).free
    plan = _plan(made, device_free, features, on_gpu, main_free) if made else None
    if needed > free:
        obstacles.append(too_little(needed, free))
    return Outlook(
        photos=count, config=made, warnings=warnings, obstacles=tuple(obstacles), disk_needed=needed, disk_free=free,
        memory=_need(plan) if plan else None, memory_plan=plan,
    )  # fmt: skip


def features_of(capability: tuple[int, int] | None) -> Features:
    """What an NVIDIA GPU of this compute capability can do; None if there is none or it does not tell.

    The trainer tries the products themselves: system, driver and torch have a word in it.
    """
    chip = capability or (0, 0)
    nf4 = importlib.util.find_spec("bitsandbytes") is not None
    return Features(fp8=chip >= FP8_FROM, int8=chip >= INT8_FROM, nf4=nf4)


def way_as_set(config: TrainingConfig) -> Way:
    """How a training is fitted in where nothing is known but its settings: what they leave open is not given up."""
    form = "full" if config.base_weights == "auto" else config.base_weights
    blocks = ARCHITECTURES[config.family].blocks
    recompute = blocks if config.gradient_checkpointing else max(0, config.recompute_blocks)
    return Way(form, min(recompute, blocks), min(max(0, config.swap_blocks), blocks))


def recomputes_all(config: TrainingConfig, plan: MemoryPlan) -> bool:
    """Whether nothing more is saved by recomputing."""
    return plan.recompute_blocks >= ARCHITECTURES[config.family].blocks


def longer_by(config: TrainingConfig, way: Way, other: Way, features: Features = UNKNOWN) -> float:
    """How many times as long a step of these settings takes in one way as in another, estimated."""
    return step_time(config, way, features) / step_time(config, other, features)


def _plan(
    config: TrainingConfig, free: int | None, features: Features, on_gpu: bool, main_free: int | None
) -> MemoryPlan:
    return choose_plan(config, free, features, on_gpu=on_gpu and config.family != "mini", main_free=main_free)


def _need(plan: MemoryPlan) -> MemoryNeed:
    return MemoryNeed(device=plan.need.total, main=plan.main)


def _count(folder: Path) -> int:
    try:
        return len(find_photos(folder).photos)
    except IsengardError:
        return 0
