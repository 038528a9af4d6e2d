"""A set may be a whole photo collection: what compares all with all needs neither minutes nor gigabytes."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import pytest

from isengard.library.report.fingerprint import SIDE, alike
from isengard.library.report.scene import BACKGROUND_PARTS, distances, groups

_Found = TypeVar("_Found")


def test_thousands_of_photos_that_are_all_different_are_grouped_at_once() -> None:
    """As many groups as photos: the work grows with their square, not with their cube."""
    apart = np.full((3000, 3000), 99, dtype=np.float32)
    np.fill_diagonal(apart, 0)
    started = time.process_time()
    assert groups(apart, 15) == [[one] for one in range(3000)]
    assert time.process_time() - started < 2


def test_groups_are_those_of_the_definition() -> None:
    """Each row joins the one with most rows near it, of those that are left."""
    draw = np.random.default_rng(5)
    for _ in range(50):
        apart = draw.integers(0, 30, (25, 25)).astype(np.float32)
        apart = np.minimum(apart, apart.T)
        np.fill_diagonal(apart, 0)
        left, wanted = set(range(25)), []
        while left:
            middle = max(sorted(left), key=lambda one: sum(apart[one, other] <= 4 for other in left))
            wanted.append(sorted(other for other in left if apart[middle, other] <= 4))
            left -= set(wanted[-1])
        assert groups(apart, 4) == sorted(wanted, key=lambda group: (-len(group), group[0]))


def peak_of(compare: Callable[[], _Found]) -> tuple[_Found, int]:
    """What it finds, and the most bytes that it held meanwhile."""
    tracemalloc.start()
    try:
        return compare(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


COUNT = 3000
MOST = 14 * COUNT**2
"""Bytes: a few for each pair, not one number for each part of each pair."""


def test_the_surroundings_of_thousands_of_photos_are_compared_in_little_memory() -> None:
    rows = np.random.default_rng(1).integers(0, 255, (COUNT, 4 * BACKGROUND_PARTS)).tolist()
    found, peak = peak_of(lambda: distances(rows, BACKGROUND_PARTS, 2))
    assert found.shape == (COUNT, COUNT)
    assert np.allclose(found, found.T)
    assert found[300, 301] == pytest.approx(distances([rows[300], rows[301]], BACKGROUND_PARTS, 2)[0, 1], rel=1e-4)
    assert peak < MOST


def test_thousands_of_photos_are_compared_in_little_memory() -> None:
    draw = np.random.default_rng(1)
    prints = [draw.integers(0, 255, SIDE**2, dtype=np.uint8).tobytes().hex() for _ in range(COUNT)]
    prints[2100] = prints[7]
    found, peak = peak_of(lambda: alike(prints, 0.9))
    assert [(pair.first, pair.second) for pair in found] == [(7, 2100)]
    assert peak < MOST
