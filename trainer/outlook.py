"""What a training would take, and what stands in its way, told before anything is written. Imports no torch."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..errors import IsengardError
from ..media.folders import find_photos
from .config import TrainingConfig
from .disk import estimate_disk
from .families import check_base

GIB = 2**30


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


def look_ahead(
    photos_dir: Path, config: Callable[[int], TrainingConfig], disk_at: Path, *, encoders: bool = True
) -> Outlook:
    """Looks at the photos, the settings, the base model's files and the disk of the existing folder `disk_at`.

    Without `encoders`, VAE and text encoders are somebody else's matter: they are loaded on a graph.
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
    if needed > free:
        obstacles.append(_disk_full(needed, free))
    return Outlook(
        photos=count, config=made, warnings=warnings, obstacles=tuple(obstacles), disk_needed=needed, disk_free=free,
        memory=estimate_memory(made) if made else None,
    )  # fmt: skip


@dataclass(frozen=True)
class _Model:
    """What decides how much memory a family's training takes."""

    parameters: float
    width: int
    blocks: int
    text_tokens: int
    encoders: int
    """Bytes of the largest text encoder as it is loaded."""
    runtime: int
    """Bytes that the libraries take on the device."""


_MODELS = {
    "flux1-dev": _Model(11.9e9, 3072, 57, 256, 10 * GIB, GIB),
    "mini": _Model(3e6, 192, 8, 64, GIB // 16, GIB * 6 // 10),
}
_LORA_PARAMETERS = {"all-linear": 1.0, "attention": 0.6, "likeness-blocks": 0.02}
_KEPT = 20
"""Values of the model's width that a block keeps for its backward pass, a token."""


def estimate_memory(config: TrainingConfig) -> MemoryNeed:
    """The base model's weights, what a forward pass keeps, and the LoRA with its optimizer. Estimated, not measured."""
    model = _MODELS[config.family]
    number = 4 if config.precision == "fp32" or config.family == "mini" else 2
    weights = model.parameters * number
    tokens = config.batch_size * ((max(config.resolutions) // 16) ** 2 + model.text_tokens)
    kept = _KEPT * (1 if config.gradient_checkpointing else model.blocks)
    kept += model.blocks if config.gradient_checkpointing else 0
    activations = tokens * model.width * kept * number
    share = _LORA_PARAMETERS[config.targets] * config.rank * model.width * model.blocks * 24
    lora = share * 4 * (5 if config.ema_decay else 4)
    device = round(weights + activations + lora) + model.runtime
    return MemoryNeed(device=device, main=round(max(weights, model.encoders) * 1.15) + GIB)


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
