"""The device, the processes that train together, and what they are asked to do."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

import torch
from accelerate import Accelerator, InitProcessGroupKwargs

from .... import settings
from ....errors import IsengardError
from ...config import TrainingConfig
from ..interface import Run

ENDS = {"pause": "paused", "cancel": "cancelled", "interrupt": "interrupted"}
"""States that wishes to stop lead to."""
_TITLES = {"cuda": "CUDA GPU", "mps": "GPU of Apple's"}
_PATIENCE = timedelta(hours=12)  # the first process may encode or sample for long while the others wait


def make_accelerator(config: TrainingConfig) -> Accelerator:
    kind, _, number = config.device.partition(":")
    on_cpu = kind == "cpu" or (
        kind == "auto" and not torch.cuda.is_available() and not torch.backends.mps.is_available()
    )
    found = {"cuda": torch.cuda.is_available, "mps": torch.backends.mps.is_available}.get(kind)
    if found and not found():
        text = f"device is {kind}, but torch finds no {_TITLES[kind]} here."
        raise IsengardError("CONFIG_INVALID", text, hint="Set device to auto.")
    if kind == "cuda" and number and settings.world_size() == 1:
        if not number.isdecimal() or int(number) >= torch.cuda.device_count():
            text = f"device is {config.device}, but torch finds {torch.cuda.device_count()} CUDA GPUs, counted from 0."
            raise IsengardError("CONFIG_INVALID", text, hint="Set device to auto.")
        torch.cuda.set_device(int(number))
    precision = config.precision
    if precision == "auto":
        precision = "bf16" if torch.cuda.is_available() and not on_cpu else "fp32"
    accelerator = Accelerator(
        cpu=on_cpu,
        mixed_precision="bf16" if precision == "bf16" else "no",
        kwargs_handlers=[InitProcessGroupKwargs(timeout=_PATIENCE)],
    )
    accelerator.state.device = numbered(accelerator.device)
    return accelerator


def numbered(device: torch.device) -> torch.device:
    """A GPU by its number: for a process that trains alone, accelerate says no more than `cuda`, which threads other
    than this one would take for the first GPU, or refuse."""
    if device.type == "cuda" and device.index is None:
        return torch.device("cuda", torch.cuda.current_device())
    return device


class Wanted(NamedTuple):
    """What the first process is asked to do."""

    stop: str
    sample: bool
    save: bool


def wanted(run: Run, accelerator: Accelerator) -> Wanted:
    """The first process's wishes, known to all; costs nothing when there is only one process."""
    if accelerator.num_processes == 1:
        return Wanted(run.wishes.stop, run.wishes.take_sample(), run.wishes.take_save())
    names = ["", *ENDS]
    shared = torch.zeros(3, dtype=torch.int64, device=accelerator.device)
    if accelerator.is_main_process:
        said = [names.index(run.wishes.stop), run.wishes.take_sample(), run.wishes.take_save()]
        shared = torch.tensor(said, dtype=torch.int64, device=accelerator.device)
    torch.distributed.broadcast(shared, src=0)
    stop, sample, save = shared.tolist()
    return Wanted(names[stop], bool(sample), bool(save))
