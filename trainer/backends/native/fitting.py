"""Brings the base model and its LoRA onto the device in the way that the memory plan says."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import nn

from .... import log
from ....errors import IsengardError
from ....files import write_json
from ....sentences import Said, as_said
from ... import main_memory
from ...config import TrainingConfig
from ...families.interface import Family, Placement
from ...job import PhotoEntry
from ...memory_need import ARCHITECTURES, GIB, spread, waiting
from ...memory_plan import Features, MemoryPlan, choose_plan
from ...quantised import fp8, int8
from ..interface import Run
from .adapter import Adapter
from .blocks import arrange
from .compiled import Compiler, can_compile

_LOG = log.get("trainer.fitting")
_WORTH = 300
"""Steps that make up for the time that compiling takes."""


@dataclass(frozen=True)
class Fitted:
    """What trains, and how it was fitted in."""

    transformer: nn.Module
    adapter: Adapter
    plan: MemoryPlan
    device: torch.device
    file: Path

    def note_peak(self) -> None:
        """Writes down what torch really held at most on the device, beside what was estimated. What the libraries take
        by themselves (`runtime_bytes`) is not in it."""
        if self.device.type == "cuda":
            peak = torch.cuda.max_memory_reserved(self.device)
            used = torch.cuda.max_memory_allocated(self.device)
            write_json(self.file, {**self.plan.as_dict(), "measured_bytes": peak, "measured_in_use_bytes": used})
            _LOG.info("memory", estimated=self.plan.need.total, measured=peak, in_use=used)


def fit(run: Run, family: Family, accelerator: Accelerator, dtype: torch.dtype, before: str) -> Fitted:
    """Chooses the plan, loads the transformer by it and puts the LoRA on.

    `before` is the number format that the job's checkpoint was trained on, empty for none: it stays the same, so that
    a resumed training goes on exactly. Recomputing and swapping may change with what is free. Raises what loading
    raises, PACKAGE_MISSING for nf4 without bitsandbytes, and MEMORY_SHORT if what would wait in the main memory has no
    room there; LoadingStopped when the run is to stop meanwhile.
    """
    config, device = run.config, accelerator.device
    if before and config.base_weights == "auto":
        config = replace(config, base_weights=before)
    on_gpu, processes = device.type == "cuda", accelerator.num_processes
    main_free = _shared(accelerator, main_memory.free_bytes()) // processes
    plan = choose_plan(config, _free(accelerator), features(device), on_gpu=on_gpu, main_free=main_free)
    file = run.job.memory_file
    if accelerator.is_main_process:
        write_json(file, plan.as_dict())
    _check_main_memory(run, config, plan, processes)
    told = f": {plan.sentence(ARCHITECTURES[config.family].blocks)}" if on_gpu else ""
    run.reporter.emit("progress", phase="load", done=0, total=1, message=f"loading {family.title}{told}")
    compiler = _compiler(run, device, plan.base_weights)
    transformer, adapter = build(
        config, family, plan, device, dtype, compiler=compiler, stopped=lambda: run.wishes.stop
    )
    return Fitted(transformer, adapter, plan, device, file)


def build(
    config: TrainingConfig,
    family: Family,
    plan: MemoryPlan,
    device: torch.device,
    dtype: torch.dtype,
    *,
    compiler: Compiler | None = None,
    stopped: Callable[[], object] = bool,
) -> tuple[nn.Module, Adapter]:
    """The transformer with its LoRA on the device, its blocks run as the plan says, in training mode. Raises
    LoadingStopped once `stopped` says something true."""
    placement = Placement(device, plan.base_weights, plan.both_ways, plan.swap_blocks, stopped)
    transformer = family.load_transformer(config, dtype, placement)
    adapter = Adapter(transformer, config, family.lora_targets(transformer, config.targets), device, dtype)
    blocks = list(family.blocks(transformer).values())
    arrange(
        blocks,
        recomputed=set(spread(plan.recompute_blocks, len(blocks))),
        swapped=spread(plan.swap_blocks, len(blocks)),
        device=device,
        random=config.lora_dropout > 0,
        pinned=plan.main_fits,
        compiled=compiler,
    )
    return transformer.train(), adapter


def features(device: torch.device) -> Features:
    """What this device and installation can do."""
    sides = (16, 16)
    nf4 = importlib.util.find_spec("bitsandbytes") is not None
    return Features(fp8=fp8.multiplies(device, sides), int8=int8.multiplies(device, sides), nf4=nf4)


def free_memory(device: torch.device) -> int | None:
    """Bytes that this process may still take on a GPU; None where nobody says."""
    if device.type != "cuda":
        return None
    free, total = torch.cuda.mem_get_info(device)
    ours = torch.cuda.memory_reserved(device)
    capped = getattr(torch.cuda, "get_per_process_memory_fraction", None)  # newer torch only
    share = capped(device) if capped else 1.0
    return int(min(free + ours, share * total))


def _check_main_memory(run: Run, config: TrainingConfig, plan: MemoryPlan, processes: int) -> None:
    """Says that the main memory is short for what would wait in it; refuses where even the swap file is too small,
    since the system would then end whatever program it likes."""
    if plan.main_fits:
        return
    wanted, there = processes * waiting(config, plan.base_weights, plan.swap_blocks), main_memory.free_with_disk()
    swapped, blocks, needed = plan.swap_blocks, ARCHITECTURES[config.family].blocks, round(wanted / GIB, 1)
    text = f"{swapped} of {blocks} blocks of the base model would wait in the main memory and take {needed} GiB of it"
    if wanted + GIB > there:
        free = round(there / GIB, 1)
        told = f"{text}; {free} GiB are free, with the swap file."
        hint = "Close other programs, enlarge the swap file, or choose smaller pictures."
        raise IsengardError(
            "MEMORY_SHORT",
            Said("memory.no_room_to_wait", told, swapped=swapped, blocks=blocks, needed=needed, free=free),
            hint=Said("memory.make_room", hint),
        )
    free = round(main_memory.free_bytes() / GIB, 1)
    told = f"{text}; only {free} GiB are free, so they may end up on the disk, which is very slow."
    warning = Said("memory.waits_on_disk", told, swapped=swapped, blocks=blocks, needed=needed, free=free)
    run.reporter.emit("warning", message=warning, said=as_said(warning), code="MEMORY_SHORT")


def _free(accelerator: Accelerator) -> int | None:
    """Free bytes of the device that has the least."""
    free = free_memory(accelerator.device)
    return None if free is None else _shared(accelerator, free)


def _shared(accelerator: Accelerator, free: int) -> int:
    """The least of all processes: they must train in the same way."""
    if accelerator.num_processes == 1:
        return free
    shared = torch.tensor(free, dtype=torch.int64, device=accelerator.device)
    torch.distributed.all_reduce(shared, op=torch.distributed.ReduceOp.MIN)
    return int(shared.item())


def _compiler(run: Run, device: torch.device, base_weights: str) -> Compiler | None:
    wanted, worth = run.config.compile_blocks, run.config.steps >= _WORTH
    if wanted == "off" or (wanted == "auto" and not (worth and can_compile(device, base_weights))):
        return None

    def warn(text: str) -> None:
        run.reporter.emit("warning", message=text, said=as_said(text))

    return Compiler(warn, sizes=_sizes(run.job.dataset()))


def _sizes(photos: list[PhotoEntry]) -> int:
    """Different numbers of tokens that the photos become."""
    return len({width * height for photo in photos for width, height in photo.buckets})
