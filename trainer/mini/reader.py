"""The attribute reader: a small network that tells from a picture who is drawn and how, so that training can be scored
by measurement.

Its own accuracy on fresh pictures is published beside its weights (`model/reader/accuracy.json`): no score means more
than that.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .world import IDENTITY_CATEGORIES, IDENTITY_NUMBERS, NUISANCE_CATEGORIES, NUMBER_STD, Identity, Nuisance

CATEGORIES: dict[str, tuple[str, ...]] = {**IDENTITY_CATEGORIES, **NUISANCE_CATEGORIES}
"""Every attribute that is read as one of several words, in the order of the network's outputs."""

_OUTPUTS = len(IDENTITY_NUMBERS) + sum(len(values) for values in CATEGORIES.values())


class Reader(nn.Module):
    """Picture (N × 3 × H × W in −1..1, any size) to one row of outputs: the numbers first, then the logits of every
    category."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inside, outside in ((3, 16), (16, 32), (32, 64), (64, 80)):
            layers += [nn.Conv2d(inside, outside, 3, stride=2, padding=1), nn.BatchNorm2d(outside), nn.ReLU()]
        layers += [nn.Conv2d(80, 80, 3, padding=1), nn.BatchNorm2d(80), nn.ReLU()]
        layers += [nn.Conv2d(80, 32, 1), nn.BatchNorm2d(32), nn.ReLU()]
        self.look = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(6), nn.Flatten())
        self.tell = nn.Sequential(nn.Linear(32 * 36, 96), nn.ReLU(), nn.Linear(96, _OUTPUTS))

    def forward(self, pictures: Tensor) -> Tensor:
        """Raw outputs, N × number of outputs."""
        told: Tensor = self.tell(self.look(pictures))
        return told


@dataclass(frozen=True)
class Reading:
    """What was read from a batch of pictures."""

    numbers: Tensor
    """N × 12, each about 0..1, in the order of `IDENTITY_NUMBERS`."""
    chances: dict[str, Tensor]
    """For each category, N × values: the probability of each value."""

    def words(self, name: str) -> list[str]:
        """The likeliest value of a category for every picture."""
        return [CATEGORIES[name][i] for i in self.chances[name].argmax(dim=1).tolist()]


def split_outputs(outputs: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Raw outputs to numbers and the logits of every category."""
    parts = outputs.split([len(IDENTITY_NUMBERS), *(len(values) for values in CATEGORIES.values())], dim=1)
    return parts[0], dict(zip(CATEGORIES, parts[1:], strict=True))


def read(reader: Reader, pictures: Tensor) -> Reading:
    """Read a batch of pictures (N × 3 × H × W in −1..1)."""
    with torch.no_grad():
        numbers, logits = split_outputs(reader.eval()(pictures))
    return Reading(numbers, {name: values.softmax(dim=1) for name, values in logits.items()})


def truth(people: list[Identity], ways: list[Nuisance]) -> tuple[Tensor, dict[str, Tensor]]:
    """The true numbers (N × 12) and value indices (N each) of drawn pictures."""
    numbers = torch.tensor([[getattr(who, name) for name in IDENTITY_NUMBERS] for who in people])
    both = {name: people if name in IDENTITY_CATEGORIES else ways for name in CATEGORIES}
    indices = {
        name: torch.tensor([CATEGORIES[name].index(getattr(value, name)) for value in both[name]])
        for name in CATEGORIES
    }
    return numbers, indices


def accuracy(reading: Reading, numbers: Tensor, indices: dict[str, Tensor]) -> dict[str, dict[str, float]]:
    """Mean absolute error of every number in population standard deviations, and share right of every category."""
    error = ((reading.numbers.clamp(0, 1) - numbers).abs().mean(dim=0) / NUMBER_STD).tolist()
    return {
        "error_in_population_std": {name: round(e, 3) for name, e in zip(IDENTITY_NUMBERS, error, strict=True)},
        "share_right": {
            name: round((reading.chances[name].argmax(dim=1) == index).float().mean().item(), 3)
            for name, index in indices.items()
        },
    }


def save_reader(reader: Reader, folder: Path) -> None:
    """Write the weights in float16."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    state = {k: v.half() if v.is_floating_point() else v for k, v in reader.state_dict().items()}
    save_file({k: v.contiguous() for k, v in state.items()}, folder / "reader.safetensors")


def load_reader(folder: Path) -> Reader:
    """The reader of a model folder's `reader/`, in float32."""
    from safetensors.torch import load_file

    reader = Reader()
    reader.load_state_dict(load_file(folder / "reader.safetensors"))
    return reader.eval()


def published_accuracy(folder: Path) -> dict[str, dict[str, dict[str, float]]]:
    """What `accuracy.json` says: by kind of picture ("drawn", "reconstructed"), then as `accuracy` returns it."""
    published: dict[str, dict[str, dict[str, float]]] = json.loads(
        (folder / "accuracy.json").read_text(encoding="utf-8")
    )
    return published


def pictures_to_tensor(pictures: NDArray[np.uint8]) -> Tensor:
    """N × H × W × 3 bytes to N × 3 × H × W in −1..1."""
    return torch.from_numpy(np.array(pictures)).permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)
