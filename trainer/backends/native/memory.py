"""Says which setting to lower when the memory did not suffice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from ....errors import IsengardError
from ....files import read_json
from ...config import PLANNED, TrainingConfig
from ...memory_need import ARCHITECTURES

_FULL = (
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "CUDA out of memory",
    "CUDA error: out of memory",
    "MPS backend out of memory",
    "DefaultCPUAllocator: can't allocate memory",
    "DefaultCPUAllocator: not enough memory",  # on Windows
)


@contextmanager
def explain_out_of_memory(config: TrainingConfig, plan_file: Path) -> Iterator[None]:
    """Turns the device's or Python's out-of-memory error into OUT_OF_MEMORY with the setting that helps most.

    `plan_file` is the job's memory.json: what the plan gives up already need not be advised.
    """
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as problem:
        if not _is_full(problem):
            raise
        first = (str(problem) or "none is left").splitlines()[0]
        hint = f"{advice(config, _planned(plan_file))} Then resume: nothing before the last checkpoint is lost."
        raise IsengardError("OUT_OF_MEMORY", f"The memory did not suffice: {first}", hint=hint) from problem


def _is_full(problem: BaseException) -> bool:
    """The GPU's libraries have allocators of their own, and say so in words only."""
    if isinstance(problem, torch.OutOfMemoryError | MemoryError):
        return True
    return any(sign in str(problem) for sign in _FULL)


def _planned(file: Path) -> Mapping[str, Any]:
    try:
        found = read_json(file)
    except (IsengardError, FileNotFoundError):  # it ran out before there was a plan
        return {}
    return found if isinstance(found, dict) else {}


def advice(config: TrainingConfig, planned: Mapping[str, Any]) -> str:
    """The first setting worth changing, in the order of what it costs the result; `planned` is memory.json."""
    blocks = ARCHITECTURES[config.family].blocks
    swapped = max(config.swap_blocks, planned.get("swap_blocks", PLANNED))
    if not config.gradient_checkpointing and planned.get("recompute_blocks", 0) < blocks:
        return "Turn gradient_checkpointing on (--set gradient_checkpointing=true)."
    if config.batch_size > 1:
        return f"Lower batch_size from {config.batch_size} to {config.batch_size // 2} (--set batch_size=…)."
    if max(config.resolutions) > 512:
        return f"Leave out the resolution {max(config.resolutions)} (--set resolutions=512)."
    if config.base_weights == "full" and config.family != "mini":
        return "Keep the base model in fewer bits (--set base_weights=auto)."
    if swapped < blocks and config.family != "mini":
        more = min(swapped + 10, blocks) if swapped != PLANNED else 40
        return f"Let more blocks wait in the main memory (--set swap_blocks={more})."
    if config.rank > 8:
        return f"Lower rank from {config.rank} to {config.rank // 2} (a new job: checkpoints don't fit another rank)."
    return "Close other programs that use this device's memory."
