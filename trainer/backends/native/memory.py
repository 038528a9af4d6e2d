"""Says which setting to lower when the memory did not suffice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ....errors import IsengardError
from ...config import PLANNED, TrainingConfig

_FULL = ("CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED", "can't allocate memory", "CUDA out of memory")


@contextmanager
def explain_out_of_memory(config: TrainingConfig) -> Iterator[None]:
    """Turns the device's or Python's out-of-memory error into OUT_OF_MEMORY with the setting that helps most."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as problem:
        if not _is_full(problem):
            raise
        first = (str(problem) or "none is left").splitlines()[0]
        hint = f"{advice(config)} Then resume: nothing before the last checkpoint is lost."
        raise IsengardError("OUT_OF_MEMORY", f"The memory did not suffice: {first}", hint=hint) from problem


def _is_full(problem: BaseException) -> bool:
    """The GPU's libraries have allocators of their own, and say so in words only."""
    if isinstance(problem, torch.OutOfMemoryError | MemoryError):
        return True
    return any(sign in str(problem) for sign in _FULL)


def advice(config: TrainingConfig) -> str:
    """The first setting worth changing, in the order of what it costs the result."""
    if not config.gradient_checkpointing:
        return "Turn gradient_checkpointing on (--set gradient_checkpointing=true)."
    if config.batch_size > 1:
        return f"Lower batch_size from {config.batch_size} to {config.batch_size // 2} (--set batch_size=…)."
    if max(config.resolutions) > 512:
        return f"Leave out the resolution {max(config.resolutions)} (--set resolutions=512)."
    if config.base_weights == "full" and config.family != "mini":
        return "Keep the base model in fewer bits (--set base_weights=auto)."
    if config.swap_blocks < 40 and config.family != "mini":
        more = config.swap_blocks + 10 if config.swap_blocks != PLANNED else 40
        return f"Let more blocks wait in the main memory (--set swap_blocks={more})."
    if config.rank > 8:
        return f"Lower rank from {config.rank} to {config.rank // 2} (a new job: checkpoints don't fit another rank)."
    return "Close other programs that use this device's memory."
