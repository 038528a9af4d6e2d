"""Traces of JPEG's 8 × 8 blocks in the pixels, whatever the file's format is now."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_BLOCK = 8
_LARGEST = 1024
"""Pixels a side that are looked at, from the middle."""
_LEAST_STEP = 4
"""Grey levels. Lower steps can't be seen."""
_LARGEST_STEP = 40
"""Grey levels. What is higher is an edge of the scene, whatever the quality."""


def blockiness(grey: NDArray[np.uint8]) -> float | None:
    """How high the steps at block borders are, in grey levels on average, beyond those at other columns and rows.

    Only steps between smooth pixels count. Measured along both axes, and the smaller is taken: blinds and fences have
    steps along one. Any shift of the grid is tried, since a crop moves it. None for pictures too small to tell.
    """
    middle = _middle(grey)
    if min(middle.shape) < 8 * _BLOCK:
        return None
    return round(min(_along_rows(middle), _along_rows(middle.T)), 4)


def _along_rows(grey: NDArray[np.uint8]) -> float:
    step = np.abs(np.diff(grey.astype(np.int16), axis=1))
    here, before, after = step[:, 1:-1], step[:, :-2], step[:, 2:]
    lone = (here >= _LEAST_STEP) & (here <= _LARGEST_STEP) & (here > 2 * (before + after))
    share = np.where(lone, here, 0).mean(axis=0)
    usable = len(share) // _BLOCK * _BLOCK
    phases = share[:usable].reshape(-1, _BLOCK).mean(axis=0)
    best = int(phases.argmax())
    return float(max(0.0, phases[best] - np.delete(phases, best).max()))


def _middle(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    top, left = (max(0, (side - _LARGEST) // 2) for side in grey.shape)
    return grey[top : top + _LARGEST, left : left + _LARGEST]
