"""What surrounds the person: backdrop and clothes as short rows of numbers that can be compared."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Colours = NDArray[np.uint8]
Box = tuple[float, float, float, float]
"""Left, top, width, height as shares of the picture's sides."""

BACKGROUND_PARTS, CLOTHES_PARTS = 8, 6
_AT_ONCE = 256
"""Rows that are compared with all others at a time: part by part, thousands would not fit into memory."""
_RIM = 0.18
"""How deep the picture's rim is, as a share of its sides: mostly backdrop, with and without a person."""
_RIM_PARTS = (
    (0.0, 0.4, _RIM, 0.65),
    (0.0, _RIM, _RIM, 0.4),
    *((part / 4, 0.0, (part + 1) / 4, _RIM) for part in range(4)),
    (1 - _RIM, _RIM, 1.0, 0.4),
    (1 - _RIM, 0.4, 1.0, 0.65),
)
"""Left, top, right, bottom, from the left over the top to the right."""


def background(colours: Colours, face: Box | None) -> list[int]:
    """The colours along the picture's upper rim, left to right, and how busy each part is: 0–255.

    Two parts on the left, four along the top, two on the right; the lower rim is left out, where the person's body is.
    Where a face lies in a part, that part says nothing and repeats the first one that does.
    """
    lab = _opponent(colours)
    high, wide = lab.shape[:2]
    rows: list[list[int] | None] = []
    for left, top, right, bottom in _RIM_PARTS:
        upper, first = min(int(top * high), high - 1), min(int(left * wide), wide - 1)
        part = lab[upper : max(int(bottom * high), upper + 1), first : max(int(right * wide), first + 1)].reshape(-1, 3)
        middle = np.median(part, axis=0)
        busy = min(255.0, 4 * float(np.median(np.abs(part[:, 0] - middle[0]))))
        covered = face is not None and _overlap(face, (left, top, right, bottom)) > 0.25
        rows.append(None if covered else [round(float(value)) for value in (*middle, busy)])
    known = [row for row in rows if row is not None]
    spare = known[0] if known else [128, 128, 128, 0]
    return [value for row in rows for value in (row or spare)]


def clothes(colours: Colours, face: Box) -> list[int] | None:
    """The colours below the chin, chest in two rows of three; None where too little of the body is in the picture."""
    high, wide = colours.shape[:2]
    left, top, width, height = face
    upper, lower = top + 1.35 * height, min(1.0, top + 2.6 * height)
    if lower - upper < 0.5 * height:
        return None
    sides = (max(0.0, left - 0.35 * width), min(1.0, left + 1.35 * width))
    cut = colours[int(upper * high) : int(lower * high), int(sides[0] * wide) : int(sides[1] * wide)]
    if min(cut.shape[:2]) < 3:
        return None
    lab = _opponent(cut)
    rows = np.array_split(lab, 2, axis=0)
    parts = [part for row in rows for part in np.array_split(row, 3, axis=1)]
    return [round(float(value)) for part in parts for value in np.median(part.reshape(-1, 3), axis=0)]


def distances(rows: list[list[int]], parts: int, spare: int = 0) -> NDArray[np.float32]:
    """How far each is from each other, 0–255: the root of the mean square difference of parts, averaged over parts.

    The `spare` parts that differ most are left out: hair and hands come into them.
    """
    values = np.asarray(rows, dtype=np.float32).reshape(len(rows), parts, -1)
    near = np.empty((len(rows), len(rows)), dtype=np.float32)
    for first in range(0, len(rows), _AT_ONCE):
        some = slice(first, first + _AT_ONCE)
        apart = np.stack([_apart(values[some, part], values[:, part]) for part in range(parts)], axis=-1)
        near[some] = np.sort(apart, axis=-1)[..., : parts - spare].mean(axis=-1)
    return near


def _apart(some: NDArray[np.float32], values: NDArray[np.float32]) -> NDArray[np.float32]:
    apart = (some**2).sum(axis=1)[:, None] + (values**2).sum(axis=1)[None, :] - 2 * some @ values.T
    return np.asarray(np.sqrt(np.maximum(apart, 0) / values.shape[1]), dtype=np.float32)


def groups(apart: NDArray[np.float32], within: float) -> list[list[int]]:
    """Places of rows that are alike, largest group first: each row joins the one with most rows near it."""
    near = apart <= within
    left = np.ones(len(apart), dtype=bool)
    counts = near.sum(axis=1)
    found = []
    while left.any():
        members = near[int(np.where(left, counts, -1).argmax())] & left
        found.append(np.flatnonzero(members).tolist())
        counts -= near[:, members].sum(axis=1)
        left &= ~members
    return sorted(found, key=lambda group: (-len(group), group[0]))


def _opponent(colours: Colours) -> NDArray[np.float32]:
    """Lightness, red against green, and yellow against blue, each around 0–255; colour counts double."""
    red, green, blue = (colours[..., channel].astype(np.float32) for channel in range(3))
    grey = 0.299 * red + 0.587 * green + 0.114 * blue
    return np.stack([grey, 128 + (red - green), 128 + (red + green) / 2 - blue], axis=-1)


def _overlap(face: Box, part: Box) -> float:
    """The share of the part that the face covers; the part is given by its corners."""
    left, top, right, bottom = part
    wide = min(face[0] + face[2], right) - max(face[0], left)
    high = min(face[1] + face[3], bottom) - max(face[1], top)
    return max(0.0, wide) * max(0.0, high) / max((right - left) * (bottom - top), 1e-9)
