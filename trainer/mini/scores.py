"""Scores of pictures of a drawn person: is it that person, is it what the prompt asked for, is it a copy of a training
photo.

All by the attribute reader, whose own error is the floor of every number here: score true drawings beside, and compare.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .reader import CATEGORIES, Reading, truth
from .world import (
    IDENTITY_CATEGORIES,
    IDENTITY_NUMBERS,
    NUISANCE_CATEGORIES,
    NUMBER_STD,
    Identity,
    Nuisance,
    near_identity,
)

NEIGHBOURS = 1000


@dataclass(frozen=True)
class Likeness:
    """How much pictures show one person."""

    error: float
    """Mean absolute error of the numbers, in population standard deviations, averaged over the pictures' readings
    first."""
    categories_right: float
    """Share of the person's words (hair, eyes, glasses …) that the pictures together are read as."""
    top1_picture: float
    """Share of single pictures that are nearer to the person than to all of the look-alikes."""
    top1_set: float
    """1 if all pictures together are nearer to the person than to all of the look-alikes, else 0."""
    rank_set: int
    """Place of the person among the look-alikes by all pictures together; 1 is best."""


def likeness(reading: Reading, person: Identity, sigma: Tensor, seed: int) -> Likeness:
    """Score pictures of one person against them and `NEIGHBOURS` look-alikes. `sigma`: the reader's error of each
    number, 12."""
    neighbours = [near_identity(person, seed * 100_003 + index) for index in range(NEIGHBOURS)]
    people = [person, *(other for other in neighbours if other != person)]
    cost = _cost(reading, people, sigma)
    single, together = cost, cost.mean(dim=0)
    rank = int((together < together[0]).sum()) + 1
    numbers, indices = truth([person], [_any_way()])
    mean = reading.numbers.mean(dim=0).clamp(0, 1)
    right = [
        float(int(reading.chances[name].clamp_min(1e-4).log().mean(dim=0).argmax()) == int(indices[name]))
        for name in IDENTITY_CATEGORIES
    ]
    return Likeness(
        error=float((mean - numbers[0]).abs().mean() / NUMBER_STD),
        categories_right=float(np.mean(right)),
        top1_picture=float((single[:, :1] < single[:, 1:]).all(dim=1).float().mean()),
        top1_set=float(rank == 1),
        rank_set=rank,
    )


def _cost(reading: Reading, people: Sequence[Identity], sigma: Tensor) -> Tensor:
    """How badly each picture fits each person, pictures × people: minus the log-likelihood under the reader's own
    errors."""
    numbers, indices = truth(list(people), [_any_way()] * len(people))
    cost = (((reading.numbers[:, None] - numbers[None]) / sigma) ** 2).sum(dim=2) / 2
    for name in IDENTITY_CATEGORIES:
        cost = cost - reading.chances[name].clamp_min(0.01).log()[:, indices[name]]
    return cost


def obedience(reading: Reading, ways: Sequence[Nuisance]) -> dict[str, float]:
    """Share of pictures read as the prompt asked, a nuisance attribute each, and their mean under "all"."""
    shares = {}
    for name in NUISANCE_CATEGORIES:
        asked = torch.tensor([CATEGORIES[name].index(getattr(way, name)) for way in ways])
        shares[name] = float((reading.chances[name].argmax(dim=1) == asked).float().mean())
    return {**shares, "all": float(np.mean(list(shares.values())))}


def pull(before: Reading, after: Reading, person: Identity, sigma: Tensor) -> float:
    """Drift of pictures made without the trigger word: 0 where they are as far from the person as before, 1 where they
    are the person."""
    base, now = (float(_cost(reading, [person], sigma).mean()) for reading in (before, after))
    return 1.0 - now / base


def nearest_photo(pictures: NDArray[np.uint8], photos: NDArray[np.uint8]) -> float:
    """Mean distance (root mean square of 0..255) from each picture to the nearest training photo, at 32 × 32."""
    small = [torch.from_numpy(np.array(p)).permute(0, 3, 1, 2).float() for p in (pictures, photos)]
    a, b = (torch.nn.functional.adaptive_avg_pool2d(p, 32).flatten(1) for p in small)
    return float((torch.cdist(a, b) / a.shape[1] ** 0.5).min(dim=1).values.mean())


def reader_sigma(published: dict[str, dict[str, dict[str, float]]]) -> Tensor:
    """The reader's standard error of each number, from its published accuracy on reconstructed pictures."""
    errors = published["reconstructed"]["error_in_population_std"]
    return torch.tensor([max(0.05, errors[name] * NUMBER_STD * 1.25) for name in IDENTITY_NUMBERS])


def _any_way() -> Nuisance:
    values: dict[str, Any] = {name: values[0] for name, values in NUISANCE_CATEGORIES.items()}
    return Nuisance(**values)
