"""The pictures that the mini model learns from: drawn once, in batches of one shape, and kept as plain arrays in a work
folder."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .architecture import SHAPES
from .drawing import render
from .world import sample_identity, sample_nuisance

_SQUARE_SHARE = 0.8
_CHUNK = 250

HELD_OUT = 10_000_000
"""Seeds from here on are never drawn for training: evaluation takes its people and pictures from there."""


@dataclass(frozen=True)
class Shape:
    """One picture shape of the training set and the seeds that were drawn in it."""

    width: int
    height: int
    first_seed: int
    count: int

    @property
    def name(self) -> str:
        """File stem of everything that belongs to this shape."""
        return f"{self.width}x{self.height}"


def shapes(total: int) -> list[Shape]:
    """Share `total` pictures out: most are square, the others evenly over the other shapes. Seeds do not overlap."""
    plan, seed = [], 0
    for index, (width, height) in enumerate(SHAPES):
        share = _SQUARE_SHARE if index == 0 else (1 - _SQUARE_SHARE) / (len(SHAPES) - 1)
        count = max(8, round(total * share))
        plan.append(Shape(width, height, seed, count))
        seed += count
    return plan


def picture(seed: int, width: int, height: int) -> NDArray[np.uint8]:
    """The picture of a seed, as height × width × 3."""
    return np.asarray(render(sample_identity(seed), sample_nuisance(seed), width, height))


def _chunk(job: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    start, count, width, height = job
    return np.stack([picture(seed, width, height) for seed in range(start, start + count)])


def draw_all(plan: list[Shape], folder: Path) -> None:
    """Draw every shape that is not on disk yet, on all cores where the system can fork (elsewhere on one)."""
    folder.mkdir(parents=True, exist_ok=True)
    for shape in plan:
        target = folder / f"pictures_{shape.name}.npy"
        if target.exists() and len(np.load(target, mmap_mode="r")) == shape.count:
            continue
        jobs = [
            (start, min(_CHUNK, shape.first_seed + shape.count - start), shape.width, shape.height)
            for start in range(shape.first_seed, shape.first_seed + shape.count, _CHUNK)
        ]
        print(f"drawing {shape.count} pictures of {shape.name}", flush=True)
        if "fork" in multiprocessing.get_all_start_methods() and shape.count > _CHUNK:
            with multiprocessing.get_context("fork").Pool(os.cpu_count() or 1) as pool:
                parts = list(pool.imap(_chunk, jobs))
        else:
            parts = [_chunk(job) for job in jobs]
        save_array(target, np.concatenate(parts))


def load_pictures(shape: Shape, folder: Path) -> NDArray[np.uint8]:
    """The drawn pictures of a shape, count × height × width × 3, read from disk as needed."""
    array: NDArray[np.uint8] = np.load(folder / f"pictures_{shape.name}.npy", mmap_mode="r")
    return array


def save_array(path: Path, array: NDArray[Any]) -> None:
    """Write an array aside and rename it, so that a file under its final name is always whole."""
    aside = path.with_suffix(".part.npy")
    np.save(aside, array)
    os.replace(aside, path)


def save_json(path: Path, value: object) -> None:
    """Write JSON aside and rename it."""
    aside = path.with_suffix(".part")
    aside.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    os.replace(aside, path)


def batches(plan: list[Shape], size: int, seed: int) -> Iterator[tuple[Shape, NDArray[np.int64]]]:
    """Endless batches of one shape each, shapes in proportion to their pictures.

    A pass shows every picture once, but for the few of each shape that do not fill a batch: those are others each time.
    """
    epoch = 0
    while True:
        rng = np.random.default_rng([seed, epoch])
        order = []
        for shape in plan:
            indices = rng.permutation(shape.count)
            whole = max(1, shape.count // size)
            order += [(shape, part) for part in np.array_split(indices[: max(whole * size, 1)], whole)]
        for position in rng.permutation(len(order)):
            yield order[position]
        epoch += 1
