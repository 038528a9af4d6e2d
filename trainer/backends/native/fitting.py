"""Brings the base model and its LoRA onto the device in the way that the memory plan says."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import nn

from .... import log
from ....files import write_json
from ...config import TrainingConfig
from ...families.interface import Family, Placement
from ...job import PhotoEntry
from ...memory_need import ARCHITECTURES, spread
from ...memory_plan import Features, MemoryPlan, choose_plan
from ..interface import Run
from .adapter import Adapter
from .blocks import arrange
from .compiled import Compiler, can_compile

_LOG = log.get("trainer.fitting")
_FILE = "memory.json"
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
        """Writes down what the device really held at most, beside what was estimated."""
        if self.device.type == "cuda":
            peak = torch.cuda.max_memory_allocated(self.device)
            write_json(self.file, {**self.plan.as_dict(), "measured_bytes": peak})
            _LOG.info("memory", estimated=self.plan.need.total, measured=peak)


def fit(run: Run, family: Family, accelerator: Accelerator, dtype: torch.dtype, before: str) -> Fitted:
    """Chooses the plan, loads the transformer by it and puts the LoRA on.

    `before` is the number format that the job's checkpoint was trained on, empty for none: it stays the same, so that
    a resumed training goes on exactly. Recomputing and swapping may change with what is free. Raises what loading
    raises, and PACKAGE_MISSING for nf4 without bitsandbytes.
    """
    config, device = run.config, accelerator.device
    if before and config.base_weights == "auto":
        config = replace(config, base_weights=before)
    plan = choose_plan(config, _free(accelerator), features(device), on_gpu=device.type == "cuda")
    file = run.job.path / _FILE
    if accelerator.is_main_process:
        write_json(file, plan.as_dict())
    told = f": {plan.sentence(ARCHITECTURES[config.family].blocks)}" if device.type == "cuda" else ""
    run.reporter.emit("progress", phase="load", done=0, total=1, message=f"loading {family.title}{told}")
    transformer, adapter = build(config, family, plan, device, dtype, compiler=_compiler(run, device))
    return Fitted(transformer, adapter, plan, device, file)


def build(
    config: TrainingConfig,
    family: Family,
    plan: MemoryPlan,
    device: torch.device,
    dtype: torch.dtype,
    *,
    compiler: Compiler | None = None,
) -> tuple[nn.Module, Adapter]:
    """The transformer with its LoRA on the device, its blocks run as the plan says, in training mode."""
    placement = Placement(device, plan.base_weights, plan.both_ways, plan.swap_blocks)
    transformer = family.load_transformer(config, dtype, placement)
    adapter = Adapter(transformer, config, family.lora_targets(transformer, config.targets), device, dtype)
    blocks = list(family.blocks(transformer).values())
    arrange(
        blocks,
        recomputed=set(spread(plan.recompute_blocks, len(blocks))),
        swapped=spread(plan.swap_blocks, len(blocks)),
        device=device,
        random=config.lora_dropout > 0,
        compiled=compiler,
    )
    return transformer.train(), adapter


def features(device: torch.device) -> Features:
    """What this device and installation can do."""
    able = device.type == "cuda" and torch.version.hip is None and torch.cuda.get_device_capability(device) >= (8, 9)
    return Features(fp8=able, nf4=importlib.util.find_spec("bitsandbytes") is not None)


def free_memory(device: torch.device) -> int | None:
    """Bytes that this process may still take on a GPU; None where nobody says."""
    if device.type != "cuda":
        return None
    free, total = torch.cuda.mem_get_info(device)
    ours = torch.cuda.memory_reserved(device)
    capped = getattr(torch.cuda, "get_per_process_memory_fraction", None)  # newer torch only
    share = capped(device) if capped else 1.0
    return int(min(free + ours, share * total))


def _free(accelerator: Accelerator) -> int | None:
    """The least of all processes: they must train in the same way."""
    free = free_memory(accelerator.device)
    if free is None or accelerator.num_processes == 1:
        return free
    shared = torch.tensor(free, dtype=torch.int64, device=accelerator.device)
    torch.distributed.all_reduce(shared, op=torch.distributed.ReduceOp.MIN)
    return int(shared.item())


def _compiler(run: Run, device: torch.device) -> Compiler | None:
    config = run.config
    wanted = config.compile_blocks
    if wanted == "off" or (wanted == "auto" and not (can_compile(device) and config.steps >= _WORTH)):
        return None
    return Compiler(lambda text: run.reporter.emit("warning", message=text), sizes=_sizes(run.job.dataset()))


def _sizes(photos: list[PhotoEntry]) -> int:
    """Different numbers of tokens that the photos become."""
    return len({width * height for photo in photos for width, height in photo.buckets})
