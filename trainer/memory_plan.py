"""How a training is fitted into the memory that is free: the fastest way that fits. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .config import PLANNED, TrainingConfig
from .memory_need import ARCHITECTURES, BITS, GIB, Need, estimate, main_memory, spread, tokens

_SLACK = 0.98
"""Of what is free."""


@dataclass(frozen=True)
class Features:
    """What the device and the installation can do."""

    fp8: bool = False
    """e4m3 products: Ada, Hopper and newer."""
    nf4: bool = False
    """bitsandbytes is there."""


@dataclass(frozen=True)
class MemoryPlan:
    """One way to train."""

    base_weights: str
    both_ways: bool
    """Quantised weights are kept turned, too, for a quicker backward pass."""
    recompute_blocks: int
    swap_blocks: int
    need: Need
    main: int
    """Bytes of the main memory while it trains."""
    fits: bool
    """Whether it fits into what is free; the leanest way there is, if none does."""

    def as_dict(self) -> dict[str, object]:
        """For events and files."""
        return {
            "base_weights": self.base_weights,
            "both_ways": self.both_ways,
            "recompute_blocks": self.recompute_blocks,
            "swap_blocks": self.swap_blocks,
            "device_bytes": self.need.total,
            "weights_bytes": self.need.weights,
            "lora_bytes": self.need.lora,
            "activations_bytes": self.need.activations,
            "runtime_bytes": self.need.runtime,
            "main_bytes": self.main,
            "fits": self.fits,
        }

    def sentence(self, blocks: int) -> str:
        """The plan in words."""
        kept = {"full": "full precision", "fp8": "fp8", "int8": "int8", "nf4": "4 bits"}[self.base_weights]
        parts = [f"base model in {kept}"]
        if self.recompute_blocks:
            parts.append(f"{self.recompute_blocks} of {blocks} blocks recomputed")
        if self.swap_blocks:
            parts.append(f"{self.swap_blocks} of {blocks} blocks waiting in the main memory")
        return f"{', '.join(parts)}: about {self.need.total / GIB:.1f} GiB on the device"


def choose_plan(
    config: TrainingConfig, free: int | None, features: Features = Features(), *, on_gpu: bool = True
) -> MemoryPlan:
    """The fastest way that fits into `free` bytes of the device, with what the settings fix; None is without a limit.

    Full precision is taken where it fits without recomputing anything: then nothing is given up. Else every format is
    tried with as few blocks recomputed, and then as few swapped, as make it fit, and the one wins whose step is
    estimated to be shortest.
    """
    limit = float("inf") if free is None else free * _SLACK
    if not on_gpu:
        return _plan(config, "full" if config.base_weights == "auto" else config.base_weights, limit, on_gpu=False)
    made = [_plan(config, form, limit, features=features) for form in _forms(config, features)]
    for plan in made:
        if plan.fits and plan.base_weights == "full" and not plan.recompute_blocks + plan.swap_blocks:
            return plan
    fitting = [plan for plan in made if plan.fits]
    if fitting:
        return min(fitting, key=lambda plan: step_time(config, plan, features))
    return min(made, key=lambda plan: plan.need.total)


def _forms(config: TrainingConfig, features: Features) -> tuple[str, ...]:
    if config.base_weights != "auto":
        return (config.base_weights,)
    return ("full", "fp8", "nf4") if features.nf4 else ("full", "fp8")


def _plan(
    config: TrainingConfig, form: str, limit: float, *, features: Features = Features(), on_gpu: bool = True
) -> MemoryPlan:
    """The way with this format that recomputes, then swaps, as few blocks as it can."""
    blocks = ARCHITECTURES[config.family].blocks
    need = estimate(config, form, 0, 0)
    recompute = swap = 0
    for recompute, swap in _ways(config, form, blocks, on_gpu):
        need = estimate(config, form, recompute, swap, on_gpu=on_gpu)
        if need.total <= limit:
            break
    fits = need.total <= limit
    both_ways = False
    if form in ("fp8", "int8") and features.fp8 and fits and not swap and limit != float("inf"):
        turned = estimate(config, form, recompute, swap, both_ways=True)
        if turned.total <= limit:
            need, both_ways = turned, True
    return MemoryPlan(form, both_ways, recompute, swap, need, main_memory(config, form, swap), fits)


def _ways(config: TrainingConfig, form: str, blocks: int, on_gpu: bool) -> Iterator[tuple[int, int]]:
    """Numbers of recomputed and swapped blocks, the quickest first.

    Left to itself it does not swap in full precision: fp8 travels in half the time and takes half the main memory.
    """
    recompute = blocks if config.gradient_checkpointing else min(config.recompute_blocks, blocks)
    swap = min(config.swap_blocks, blocks)
    if not on_gpu:
        yield max(recompute, 0), max(swap, 0)
        return
    for count in range(blocks + 1) if recompute == PLANNED else (recompute,):
        yield count, max(swap, 0)
    last = blocks if recompute == PLANNED else recompute
    wide = form == "full" and config.base_weights == "auto"
    for count in range(1, blocks + 1) if swap == PLANNED and not wide else ():
        yield last, count


_FLOPS = 100e12
_TRAVEL = 20e9
"""Bytes a second from main memory to the GPU."""
_PACES = {"full": 1.0, "int8": 0.8, "nf4": 1.25}


def step_time(config: TrainingConfig, plan: MemoryPlan, features: Features) -> float:
    """Seconds of a step on an imagined GPU, for comparing plans and for nothing else.

    Twelve squares of the width act on a token in a block; forward and backward to the input are four operations for
    each, recomputing two more. fp8 is quicker where it is multiplied as it is, else its weights are widened first. Of
    computing and copying the longer counts, and a tenth of the shorter.
    """
    shape = ARCHITECTURES[config.family]
    again = len({*spread(plan.recompute_blocks, shape.blocks), *spread(plan.swap_blocks, shape.blocks)})
    work = 12 * shape.width**2 * tokens(config) * (4 * shape.blocks + 2 * again)
    pace = (0.7 if features.fp8 else 1.1) if plan.base_weights == "fp8" else _PACES[plan.base_weights]
    computing = work * pace / _FLOPS
    moved = sum(shape.block_parameters(place) for place in spread(plan.swap_blocks, shape.blocks))
    copying = 2 * moved * BITS[plan.base_weights] / 8 / _TRAVEL
    return max(computing, copying) + 0.1 * min(computing, copying)
