"""The attribute reader: a small network that tells from a picture who is drawn and how, so that training can be scored
by measurement.

Its own accuracy on fresh pictures is published beside its weights (`model/reader/accuracy.json`): no score means more
than that.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from .canvas import Pose
from .world import IDENTITY_CATEGORIES, IDENTITY_NUMBERS, NUISANCE_CATEGORIES, NUMBER_STD, Identity, Nuisance

CATEGORIES: dict[str, tuple[str, ...]] = {**IDENTITY_CATEGORIES, **NUISANCE_CATEGORIES}
"""Every attribute that is read as one of several words, in the order of the network's outputs."""

_OUTPUTS = len(IDENTITY_NUMBERS) + sum(len(values) for values in CATEGORIES.values())


class Reader(nn.Module):
    """Square pictures (N × 3 × S × S in −1..1) to one row of outputs: the numbers first, then the logits of every
    category.

    Three looks. The first sees the whole picture, small, and says where the head is; the second sees the face cut out
    and enlarged, the third the eyes. One look at everything learns colours, light and background at once and the parts
    of a face, a few pixels each and now here, now there, hardly at all. The colours of all three, coarsely, go past the
    convolutions, which are slow to learn them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.overview = _look((24, 48, 64), pools=(True, True, True), grid=8 * 8, told=96)
        self.locate = nn.Linear(96, 4)
        self.face = _look((24, 48, 72), pools=(True, True, True), grid=9 * 9, told=96)
        self.eyes = _look((24, 48, 64), pools=(True, True, True), grid=4 * 8, told=64)
        self.colours = nn.Sequential(nn.Linear(3 * (12 * 12 + 6 * 6 + 4 * 8), 64), nn.ReLU())
        self.tell = nn.Sequential(nn.Linear(96 + 96 + 64 + 64, 128), nn.ReLU(), nn.Linear(128, _OUTPUTS))

    def forward(self, pictures: Tensor) -> Tensor:
        """Raw outputs, N × number of outputs."""
        return self.look(pictures, None)[0]

    def look(self, pictures: Tensor, at: Tensor | None) -> tuple[Tensor, Tensor]:
        """Raw outputs and where the head was seen, N × 4 as `place_targets` has it. `at` says where to cut instead;
        training gives it, because the first look has to learn it first."""
        seen = self.overview(_shrunk(pictures, (64, 64)))
        found = self.locate(seen)
        face, eyes = cuts(pictures, found.detach() if at is None else at)
        plain = [_shrunk(pictures, (12, 12)), _shrunk(face, (6, 6)), _shrunk(eyes, (4, 8))]
        colours = self.colours(torch.cat([part.flatten(1) for part in plain], dim=1))
        told: Tensor = self.tell(torch.cat([seen, self.face(face), self.eyes(eyes), colours], dim=1))
        return told, found


def _shrunk(pictures: Tensor, size: tuple[int, int]) -> Tensor:
    return functional.interpolate(pictures, size, mode="area")


def _look(widths: tuple[int, ...], pools: tuple[bool, ...], grid: int, told: int) -> nn.Sequential:
    """Convolutions, each followed by halving where `pools` says so, to a row of `told` features that knows where things
    are."""
    layers: list[nn.Module] = []
    inside = 3
    for width, pool in zip(widths, pools, strict=True):
        layers += [nn.Conv2d(inside, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        layers += [nn.MaxPool2d(2)] if pool else []
        inside = width
    layers += [nn.Conv2d(inside, inside, 3, padding=1, bias=False), nn.BatchNorm2d(inside), nn.ReLU()]
    layers += [nn.Conv2d(inside, 16, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(16 * grid, told), nn.ReLU())


def place_targets(poses: list[Pose], side: int) -> Tensor:
    """What the first look is to say of pictures of `side` pixels, N × 4: the head's middle and size in units that vary
    by about 1, and its turn."""
    return torch.tensor(
        [
            [(pose.x / side - 0.5) * 10, (pose.y / side - 0.5) * 10, math.log(pose.scale / side / 0.33) * 5, pose.turn]
            for pose in poses
        ]
    )


_CUTS = (((72, 72), 0.30, 1.0, 0.85), ((32, 64), 0.02, 0.68, 0.34))
"""Face and eyes: rows and columns of the cut, how far below the head's middle its own lies, and half its width and
height, in head units."""


def cuts(pictures: Tensor, place: Tensor) -> list[Tensor]:
    """The face and the eyes of every picture, at a place as `place_targets` has it."""
    x, y, size = place[:, 0] / 5, place[:, 1] / 5, torch.exp((place[:, 2] / 5).clamp(-1, 1)) * 0.66
    x = x + 0.2 * place[:, 3].clamp(-1.3, 1.3) * size
    made = []
    for (rows, columns), below, wide, tall in _CUTS:
        where = torch.zeros(len(pictures), 2, 3, device=pictures.device)
        where[:, 0, 0], where[:, 0, 2] = wide * size, x
        where[:, 1, 1], where[:, 1, 2] = tall * size, y + below * size
        grid = functional.affine_grid(where, [len(pictures), 3, rows, columns], align_corners=False)
        made.append(functional.grid_sample(pictures, grid, padding_mode="border", align_corners=False))
    return made


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
    """Read a batch of square pictures (N × 3 × S × S in −1..1)."""
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
