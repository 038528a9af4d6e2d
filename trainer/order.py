"""The order of the data as a pure function: which photos one optimizer step sees. Standard library only.

Every pair of a photo and one of its buckets is an item with the photo's repeats as its weight. Items of one shape form
a group with an endless stream of its own: pass after pass over the group, each pass shuffled from the seed and its
number. Micro-batches are cut from these streams, so a group that doesn't fill a batch goes on with its next pass:
nothing is dropped, and nothing is shown more often because it had to fill a batch up.

A *cycle* is as many micro-batches as all weights together. In it a group of weight n gets n micro-batches, spread
evenly, so each item is seen exactly batch_size × repeats times a cycle, and nearly in proportion within a cycle.

Nothing is remembered between steps: a step that is jumped to is the step that is walked to.
"""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, Protocol, TypeVar

from ..errors import IsengardError
from .config import TrainingConfig

Size = tuple[int, int]
_T = TypeVar("_T")


class Entry(Protocol):
    """What the order needs to know of a photo; `job.PhotoEntry` has it."""

    @property
    def buckets(self) -> tuple[Size, ...]:
        """Width and height in pixels, one pair a resolution."""

    @property
    def repeats(self) -> int:
        """Weight of the photo, 1 or more."""


@dataclass(frozen=True)
class Place:
    """One photo in a step."""

    entry: int
    """Number of the photo in the dataset."""
    bucket: int
    """Number of the bucket among the photo's buckets."""
    index: int
    """Place in the global batch, 0 … batch_size × gradient_accumulation − 1: with seed and step the only source of
    this photo's randomness, see `item_seed`."""


class _Item(NamedTuple):
    entry: int
    bucket: int


class _Group(NamedTuple):
    shape: Size
    items: tuple[_Item, ...]
    weights: tuple[int, ...]
    """Repeats of each item."""

    @property
    def size(self) -> int:
        """Items of one pass."""
        return sum(self.weights)


def global_batch(entries: Sequence[Entry], config: TrainingConfig, step: int) -> list[list[Place]]:
    """What one optimizer step sees: `gradient_accumulation` micro-batches of `batch_size` places, each of one shape.

    `step` counts the optimizer steps done before this one, from 0. Independent of processes and workers.
    """
    groups = _groups(tuple((tuple(entry.buckets), entry.repeats) for entry in entries))
    batch_size, passes = config.batch_size, config.gradient_accumulation
    result = []
    for number in range(passes):
        items = _micro_batch(groups, config.seed, batch_size, step * passes + number)
        result.append([Place(*item, number * batch_size + place) for place, item in enumerate(items)])
    return result


def is_preserving(config: TrainingConfig, step: int) -> bool:
    """Whether optimizer step 1… also holds the class to what it was: `class_preservation` of all, evenly spread."""
    share = config.class_preservation
    return math.floor(step * share + 1e-9) > math.floor((step - 1) * share + 1e-9)


def share_of(rank: int, processes: int, batch: Sequence[Sequence[_T]]) -> list[list[_T]]:
    """The part of a global batch that process `rank` of `processes` works on; all shares together are the whole.

    Whole micro-batches where their number divides, else an equal part of each micro-batch.
    Raises PROCESSES_DO_NOT_DIVIDE. The mean over a share has the same weight in every process.
    """
    if not 0 <= rank < processes:
        raise ValueError(f"rank must be 0–{processes - 1}, got {rank}")
    if len(batch) % processes == 0:
        count = len(batch) // processes
        return [list(micro) for micro in batch[rank * count : (rank + 1) * count]]
    if all(len(micro) % processes == 0 for micro in batch):
        return [list(micro[rank * len(micro) // processes : (rank + 1) * len(micro) // processes]) for micro in batch]
    raise IsengardError(
        "PROCESSES_DO_NOT_DIVIDE",
        f"{processes} processes can't share batch_size {len(batch[0])} and gradient_accumulation {len(batch)} equally.",
    )


def item_seed(seed: int, step: int, index: int) -> int:
    """64-bit seed of all that is random about one photo in one step (noise, noise level, dropout), 0 … 2⁶⁴ − 1."""
    return _hash("item", seed, step, index)


@lru_cache(maxsize=4)
def _groups(dataset: tuple[tuple[tuple[Size, ...], int], ...]) -> tuple[_Group, ...]:
    """Items by shape, shapes in ascending order. Only the repeats' ratio counts: ten each are one each."""
    divisor = math.gcd(*(repeats for _, repeats in dataset)) or 1
    found: dict[Size, list[tuple[_Item, int]]] = {}
    for number, (buckets, repeats) in enumerate(dataset):
        for bucket, (width, height) in enumerate(buckets):
            if repeats > 0:
                found.setdefault((width, height), []).append((_Item(number, bucket), repeats // divisor))
    if not found:
        raise ValueError("the data order needs at least one photo with a bucket and repeats above 0")
    return tuple(
        _Group(shape, tuple(item for item, _ in rows), tuple(weight for _, weight in rows))
        for shape, rows in sorted(found.items())
    )


def _micro_batch(groups: tuple[_Group, ...], seed: int, batch_size: int, number: int) -> list[_Item]:
    """The items of micro-batch `number`, counted from the training's beginning."""
    cycle, place = divmod(number, sum(group.size for group in groups))
    which, before = _schedule(groups, seed, cycle)[place]
    group = groups[which]
    first = (cycle * group.size + before) * batch_size  # in a cycle a group gets as many micro-batches as its weight
    return [_pass(group, seed, at // group.size)[at % group.size] for at in range(first, first + batch_size)]


@lru_cache(maxsize=8)
def _schedule(groups: tuple[_Group, ...], seed: int, cycle: int) -> tuple[tuple[int, int], ...]:
    """For each micro-batch of a cycle its group and how many that group had before in the cycle."""
    seen = [0] * len(groups)
    result = []
    for which in _spread([group.size for group in groups], _rng("schedule", seed, cycle)):
        result.append((which, seen[which]))
        seen[which] += 1
    return tuple(result)


@lru_cache(maxsize=256)
def _pass(group: _Group, seed: int, number: int) -> tuple[_Item, ...]:
    """Pass `number` over a group, each item as often as its weight."""
    return tuple(group.items[which] for which in _spread(group.weights, _rng("pass", seed, number, *group.shape)))


def _spread(weights: Sequence[int], rng: random.Random) -> list[int]:
    """A random order of 0 … n − 1, each as often as its weight says and spread evenly.

    A thing of weight w stands once in each w-th part; weights of one make a plain shuffle. Only `random()` is drawn
    from, because its numbers are promised to be the same in every version of Python.
    """
    moments = [
        ((turn + rng.random()) / weight, which) for which, weight in enumerate(weights) for turn in range(weight)
    ]
    return [which for _, which in sorted(moments)]


def _rng(purpose: str, *numbers: int) -> random.Random:
    return random.Random(_hash(purpose, *numbers))


def _hash(purpose: str, *numbers: int) -> int:
    text = ":".join([purpose, *map(str, numbers)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")
