"""How a training is fitted into the memory that is free: the fastest way that fits. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from .config import PLANNED, TrainingConfig
from .memory_need import ARCHITECTURES, BITS, GIB, Need, estimate, main_memory, spread, tokens, waiting

FP8_FROM, INT8_FROM = (8, 9), (8, 0)
"""Compute capabilities from which NVIDIA's chips multiply these formats as they are: Ada and Ampere."""
_SLACK = 0.98
"""Of what is free on the device."""
_MAIN_SHARE = 0.8
"""Of what is free in the main memory: so much may wait there for good without pressing on everything else."""


@dataclass(frozen=True)
class Features:
    """What the device and the installation can do."""

    fp8: bool = False
    """e4m3 products: Ada, Hopper and newer."""
    int8: bool = False
    """int8 products: Ampere and newer."""
    nf4: bool = False
    """bitsandbytes is there."""

    def multiplies(self, form: str) -> bool:
        """Whether weights are multiplied as they are kept."""
        return {"full": True, "fp8": self.fp8, "int8": self.int8}.get(form, False)


UNKNOWN = Features()
"""Of a device of which nothing is known."""


@dataclass(frozen=True)
class Way:
    """What of a plan decides how long a step takes."""

    base_weights: str = "full"
    recompute_blocks: int = 0
    swap_blocks: int = 0

    def __post_init__(self) -> None:
        if self.base_weights not in BITS or min(self.recompute_blocks, self.swap_blocks) < 0:
            raise ValueError(f"no way to train: {self}")


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
    main_fits: bool = True
    """Whether the main memory has the room for the blocks that wait there."""

    @property
    def way(self) -> Way:
        return Way(self.base_weights, self.recompute_blocks, self.swap_blocks)

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
            "main_fits": self.main_fits,
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
    config: TrainingConfig,
    free: int | None,
    features: Features = UNKNOWN,
    *,
    on_gpu: bool = True,
    main_free: int | None = None,
) -> MemoryPlan:
    """The fastest way that fits into `free` bytes of the device, with what the settings fix; None is without a limit.

    Full precision is taken where it fits without recomputing anything: then nothing is given up. Else every format is
    tried with as few blocks recomputed, and then as few swapped, as make it fit, and the one wins whose step is
    estimated to be shortest. `main_free` limits what waits in the main memory; where no way keeps to it, the one is
    taken that lets the least wait there (`main_fits` is false).
    """
    limit = float("inf") if free is None else free * _SLACK
    room = float("inf") if main_free is None else main_free * _MAIN_SHARE
    if not on_gpu:
        form = "full" if config.base_weights == "auto" else config.base_weights
        return _plan(config, form, limit, float("inf"), Features(), on_gpu=False)
    chosen = _fastest(config, limit, room, features)
    if not chosen.fits:
        fitting = [plan for plan in _plans(config, limit, float("inf"), features) if plan.fits]
        if fitting:
            least = min(fitting, key=lambda plan: waiting(config, plan.base_weights, plan.swap_blocks))
            return replace(least, main_fits=False)
    return chosen


def _fastest(config: TrainingConfig, limit: float, room: float, features: Features) -> MemoryPlan:
    made = _plans(config, limit, room, features)
    for plan in made:
        if plan.fits and plan.base_weights == "full" and not plan.recompute_blocks + plan.swap_blocks:
            return plan
    fitting = [plan for plan in made if plan.fits]
    if fitting:
        return min(fitting, key=lambda plan: step_time(config, plan.way, features))
    return min(made, key=lambda plan: plan.need.total)


def _plans(config: TrainingConfig, limit: float, room: float, features: Features) -> list[MemoryPlan]:
    return [_plan(config, form, limit, room, features) for form in _forms(config, features)]


def _forms(config: TrainingConfig, features: Features) -> tuple[str, ...]:
    if config.base_weights != "auto":
        return (config.base_weights,)
    return ("full", "fp8", "nf4") if features.nf4 else ("full", "fp8")


def _plan(
    config: TrainingConfig, form: str, limit: float, room: float, features: Features, *, on_gpu: bool = True
) -> MemoryPlan:
    """The way with this format that recomputes, then swaps, as few blocks as it can."""
    blocks = ARCHITECTURES[config.family].blocks
    native = features.multiplies(form) or not on_gpu
    need = estimate(config, form, 0, 0, native=native)
    recompute = swap = 0
    for recompute, swap in _ways(config, form, blocks, on_gpu):
        need = estimate(config, form, recompute, swap, native=native, on_gpu=on_gpu)
        if need.total <= limit:
            break
    fits = need.total <= limit and waiting(config, form, swap) <= room
    both_ways = False
    if native and form != "full" and on_gpu and fits and not swap and limit != float("inf"):
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


def step_time(config: TrainingConfig, way: Way, features: Features) -> float:
    """Seconds of a step on an imagined GPU, for comparing ways and for nothing else.

    Twelve squares of the width act on a token in a block; forward and backward to the input are four operations for
    each, recomputing two more. fp8 is quicker where it is multiplied as it is, else its weights are widened first. Of
    computing and copying the longer counts, and a tenth of the shorter.
    """
    shape = ARCHITECTURES[config.family]
    again = len({*spread(way.recompute_blocks, shape.blocks), *spread(way.swap_blocks, shape.blocks)})
    work = 12 * shape.width**2 * tokens(config) * (4 * shape.blocks + 2 * again)
    pace = (0.7 if features.fp8 else 1.1) if way.base_weights == "fp8" else _PACES[way.base_weights]
    computing = work * pace / _FLOPS
    moved = sum(shape.block_parameters(place) for place in spread(way.swap_blocks, shape.blocks))
    copying = 2 * moved * BITS[way.base_weights] / 8 / _TRAVEL
    return max(computing, copying) + 0.1 * min(computing, copying)
