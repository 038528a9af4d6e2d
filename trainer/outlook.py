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
from .disk import estimate_disk
from .families import check_base
from .memory_need import ARCHITECTURES
from .memory_plan import Features, MemoryPlan, Way, choose_plan, step_time


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
) -> Outlook:
    """Looks at the photos, the settings, the base model's files and the disk of the existing folder `disk_at`.

    Without `encoders`, VAE and text encoders are somebody else's matter: they are loaded on a graph. `device_free`
    and `main_free` are how many bytes of the GPU's and of the main memory are free, None if nobody knows.
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
    plan = _plan(made, device_free, on_gpu, main_free) if made else None
    if needed > free:
        obstacles.append(_disk_full(needed, free))
    return Outlook(
        photos=count, config=made, warnings=warnings, obstacles=tuple(obstacles), disk_needed=needed, disk_free=free,
        memory=_need(plan) if plan else None, memory_plan=plan,
    )  # fmt: skip


def estimate_memory(config: TrainingConfig, free: int | None = None, *, on_gpu: bool = True) -> MemoryNeed:
    """What the plan takes that the trainer would choose for `free` bytes on the device; see `memory_plan`."""
    return _need(_plan(config, free, on_gpu))


def way_as_set(config: TrainingConfig) -> Way:
    """How a training is fitted in where nothing is known but its settings: what they leave open is not given up."""
    form = "full" if config.base_weights == "auto" else config.base_weights
    blocks = ARCHITECTURES[config.family].blocks
    recompute = blocks if config.gradient_checkpointing else max(0, config.recompute_blocks)
    return Way(form, min(recompute, blocks), min(max(0, config.swap_blocks), blocks))


def longer_by(config: TrainingConfig, way: Way, other: Way) -> float:
    """How many times as long a step of these settings takes in one way as in another, estimated."""
    return step_time(config, way, Features()) / step_time(config, other, Features())


def _plan(config: TrainingConfig, free: int | None, on_gpu: bool, main_free: int | None = None) -> MemoryPlan:
    features = Features(nf4=importlib.util.find_spec("bitsandbytes") is not None)
    return choose_plan(config, free, features, on_gpu=on_gpu and config.family != "mini", main_free=main_free)


def _need(plan: MemoryPlan) -> MemoryNeed:
    return MemoryNeed(device=plan.need.total, main=plan.main)


def _count(folder: Path) -> int:
    try:
        return len(find_photos(folder).photos)
    except IsengardError:
        return 0


def _disk_full(needed: int, free: int) -> IsengardError:
    wants, has = round(needed / 1e9, 1), round(free / 1e9, 1)
    text = f"The training needs up to {wants} GB of disk, and {has} GB are free."
    hint = "Free disk space, or lower rank or the number of checkpoints (save_every)."
    return IsengardError(
        "DISK_FULL",
        Said("disk.too_little", text, needed=wants, free=has),
        hint=Said("disk.make_room", hint),
        needed=needed,
        free=free,
    )
