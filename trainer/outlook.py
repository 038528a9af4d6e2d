"""What a training would take, and what stands in its way, told before anything is written. Imports no torch."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..errors import IsengardError
from ..media.folders import find_photos
from .config import TrainingConfig
from .disk import estimate_disk
from .families import check_base
from .memory_plan import Features, MemoryPlan, choose_plan


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
    warnings: tuple[str, ...]
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
    on_gpu: bool = True,
) -> Outlook:
    """Looks at the photos, the settings, the base model's files and the disk of the existing folder `disk_at`.

    Without `encoders`, VAE and text encoders are somebody else's matter: they are loaded on a graph. `device_free` is
    how many bytes of the GPU's memory are free, None if nobody knows.
    """
    from .photos import read_folder

    obstacles: list[IsengardError] = []
    warnings: tuple[str, ...] = ()
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
    plan = _plan(made, device_free, on_gpu) if made else None
    if needed > free:
        obstacles.append(_disk_full(needed, free))
    return Outlook(
        photos=count, config=made, warnings=warnings, obstacles=tuple(obstacles), disk_needed=needed, disk_free=free,
        memory=_need(plan) if plan else None, memory_plan=plan,
    )  # fmt: skip


def estimate_memory(config: TrainingConfig, free: int | None = None, *, on_gpu: bool = True) -> MemoryNeed:
    """What the plan takes that the trainer would choose for `free` bytes on the device; see `memory_plan`."""
    return _need(_plan(config, free, on_gpu))


def _plan(config: TrainingConfig, free: int | None, on_gpu: bool) -> MemoryPlan:
    installed = importlib.util.find_spec("bitsandbytes") is not None
    return choose_plan(config, free, Features(nf4=installed), on_gpu=on_gpu and config.family != "mini")


def _need(plan: MemoryPlan) -> MemoryNeed:
    return MemoryNeed(device=plan.need.total, main=plan.main)


def _count(folder: Path) -> int:
    try:
        return len(find_photos(folder).photos)
    except IsengardError:
        return 0


def _disk_full(needed: int, free: int) -> IsengardError:
    return IsengardError(
        "DISK_FULL",
        f"The training needs up to {needed / 1e9:.1f} GB of disk, and {free / 1e9:.1f} GB are free.",
        hint="Free disk space, or lower rank or the number of checkpoints (save_every).",
        needed=needed,
        free=free,
    )
