"""How much disk a training takes, worked out before it begins. Standard library only."""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import IsengardError
from ..sentences import Said
from .config import TrainingConfig

STATES = 3
"""Full states on the disk at once: the two that are kept, and the one being written."""
MARGIN = 1.1
"""Headroom for what is not counted: logs, events, the file system's own blocks."""
_MB = 1_000_000
_DTYPE_BYTES = {"fp16": 2, "bf16": 2, "fp32": 4}


@dataclass(frozen=True)
class _Sizes:
    """What a family's job writes. Rather too much than too little."""

    per_rank: dict[str, int]
    """LoRA parameters for one rank, by `targets`: the sum of inputs and outputs of the layers."""
    text_bytes: int
    """Conditioning of one text."""
    decoder_bytes: int
    """The VAE in the cache."""


_SIZES = {
    "flux1-dev": _Sizes(
        {"all-linear": 4_100_000, "attention": 2_400_000, "likeness-blocks": 74_000}, 8_400_000, 340 * _MB
    ),
    "mini": _Sizes({"all-linear": 40_000, "attention": 30_000, "likeness-blocks": 5_000}, 40_000, 4 * _MB),
}


def estimate_disk(config: TrainingConfig, photo_bytes: Sequence[int]) -> int:
    """Bytes that a job takes at most until it is done: photos, cache, checkpoints, samples.

    `photo_bytes` are the sizes of the photos' files.
    """
    sizes = _SIZES[config.family]
    pixels = sum(side * side for side in config.resolutions)
    latents = len(photo_bytes) * pixels * (2 if config.flip else 1)  # 16 channels of 4 bytes for each 8 × 8 pixels
    captions = len(photo_bytes) * (2 if config.class_preservation else 1)
    texts = (captions + len(config.sample_prompts) + 1) * sizes.text_bytes
    parameters = sizes.per_rank[config.targets] * config.rank
    saves = math.ceil(config.steps / config.save_every) + 2  # the last step's, and the finished LoRA beside it
    loras = saves * parameters * _DTYPE_BYTES[config.save_dtype]
    moments = 4 if config.optimizer == "prodigy" else 2
    states = STATES * parameters * 4 * (1 + moments + (1 if config.ema_decay else 0))  # weights, moments, the average
    rounds = math.ceil(config.steps / config.sample_every) + 1 if config.sample_every else 0
    samples = rounds * len(config.sample_prompts) * config.sample_width * config.sample_height * 2  # PNG
    return (
        round(MARGIN * (sum(photo_bytes) + latents + texts + sizes.decoder_bytes + loras + states + samples)) + 10 * _MB
    )


def check_disk(folder: Path, needed: int) -> None:
    """Raises DISK_FULL if the disk of an existing folder has less room than needed (bytes)."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise too_little(needed, free, folder.parent)


def too_little(needed: int, free: int, chosen: Path | None = None) -> IsengardError:
    """What is said of a disk with less room than a training needs (bytes), with the folder that was chosen on it."""
    disk, elsewhere = (f"on the disk of {chosen}", " choose another folder,") if chosen else ("of disk", "")
    text = f"The training needs up to {_shown(needed)} {disk}, and {_shown(free)} are free."
    hint = f"Free disk space,{elsewhere} or lower rank or the number of checkpoints (save_every)."
    return IsengardError(
        "DISK_FULL",
        Said("disk.too_little", text, needed=round(needed / 1e9, 2), free=round(free / 1e9, 2)),
        hint=Said("disk.make_room", hint),
        needed=needed,
        free=free,
    )


def _shown(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
