"""A picture's fingerprint, and which pictures of a set are nearly the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 24
"""The fingerprint is the picture in grey at 24 × 24 pixels: coarse enough for grain and compression to vanish, fine
enough to tell two poses in front of one wall apart."""
_MOST_PAIRS = 20_000
"""Pairs that are compared closely, the likeliest first."""
_AT_ONCE = 1024
"""Pictures that are compared with all others at a time: all with all would take gigabytes for ten thousand."""
_ALIKE_ROUGHLY, _ALIKE_UNMOVED = 0.45, 0.15
"""Likeness at low resolution, and as they are, from which on a pair is compared closely, in all cropped versions."""
_CROPS = ((1.0, 0.0), *((scale, (1 - scale) * at) for scale in (0.96, 0.92, 0.88, 0.84) for at in (0.0, 0.5, 1.0)))
"""What is left along an axis, and from where on, when a picture was cropped."""
_SHIFTS = tuple((1.0, cells / SIDE) for cells in (-1.0, -0.5, 0.0, 0.5, 1.0))
"""How far the camera moved along an axis between two frames."""
_FLAT = 2.0
"""Grey levels of detail below which a fingerprint says nothing: an empty wall is like any other."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Pair:
    """Two pictures that look alike, by their places in the set."""

    first: int
    second: int
    likeness: float
    """1 is the same picture."""
    mirrored: bool


def fingerprint(grey: Image.Image) -> str:
    """The fingerprint as hexadecimal digits."""
    return grey.resize((SIDE, SIDE), Image.Resampling.BOX).tobytes().hex()


def alike(fingerprints: Sequence[str], least: float) -> list[Pair]:
    """The pairs of at least that likeness, each once: as they are, mirrored, or one cropped from the other."""
    if len(fingerprints) < 2:
        return []
    pictures = np.stack([_unpacked(one) for one in fingerprints])
    mirrors = np.ascontiguousarray(pictures[:, :, ::-1])
    details = _detail(pictures)
    clear = details.std(axis=(1, 2)) >= _FLAT
    codes = {False: _unit(details), True: _unit(_detail(mirrors))}
    rough = {False: _rough(pictures), True: _rough(mirrors)}
    wanted = {
        mirrored: _likely((rough[False], rough[mirrored]), (codes[False], codes[mirrored]), clear)
        for mirrored in (False, True)
    }
    best: dict[tuple[int, int], Pair] = {}
    for one in np.flatnonzero(wanted[False].any(axis=1) | wanted[True].any(axis=1)).tolist():
        versions = _versions(pictures[one])
        for mirrored, matrix in wanted.items():
            others = np.flatnonzero(matrix[one])
            likeness = (codes[mirrored][others] @ versions.T).max(axis=1, initial=-1.0)
            for other, value in zip(others.tolist(), likeness.tolist(), strict=True):
                pair = (min(one, other), max(one, other))
                if value >= least and (pair not in best or value > best[pair].likeness):
                    best[pair] = Pair(*pair, round(min(1.0, value), 4), mirrored)
    return list(best.values())


def _likely(rough: tuple[Floats, Floats], codes: tuple[Floats, Floats], clear: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which pairs of rows of two matrices are worth a close look; symmetric."""
    wanted = np.zeros((len(clear), len(clear)), dtype=bool)
    likeness = []
    for first in range(0, len(clear), _AT_ONCE):
        some = slice(first, first + _AT_ONCE)
        unmoved = codes[0][some] @ codes[1].T
        near = (rough[0][some] @ rough[1].T >= _ALIKE_ROUGHLY) & (unmoved >= _ALIKE_UNMOVED)
        wanted[some] = np.triu(near & clear[some, None] & clear, first + 1)
        likeness.append(unmoved[wanted[some]])
    found = np.concatenate(likeness)
    if len(found) > _MOST_PAIRS:
        wanted[wanted] = found >= np.sort(found)[-_MOST_PAIRS]
    return np.asarray(wanted | wanted.T)


def _resampling(scale: float, start: float) -> Floats:
    """Takes the part of a row of cells that is left, and stretches it to the whole row; beyond the ends it is still."""
    places = np.clip((np.arange(SIDE) + 0.5) * scale + start * SIDE - 0.5, 0, SIDE - 1)
    low = np.minimum(places.astype(int), SIDE - 2)
    share = (places - low).astype(np.float32)
    matrix = np.zeros((SIDE, SIDE), dtype=np.float32)
    matrix[np.arange(SIDE), low] = 1 - share
    matrix[np.arange(SIDE), low + 1] = share
    return matrix


_WIDE = 4
"""Cells to each side over which the surrounding grey is averaged."""


def _around() -> Floats:
    """Averages along one axis; at the ends over fewer cells."""
    places = np.arange(SIDE)
    near = (np.abs(places[:, None] - places) <= _WIDE).astype(np.float32)
    return np.asarray(near / near.sum(axis=1, keepdims=True), dtype=np.float32)


def _soften() -> Floats:
    """Smooths along one axis, so that half a cell of movement matters little."""
    near = 2 * np.eye(SIDE) + np.eye(SIDE, k=1) + np.eye(SIDE, k=-1)
    return np.asarray(near / near.sum(axis=1, keepdims=True), dtype=np.float32)


_AROUND, _SOFT = _around(), _soften()


def _detail(pictures: Floats) -> Floats:
    """The pictures less their surroundings' grey, so that a common light or backdrop makes none alike."""
    soft = _SOFT @ pictures @ _SOFT.T
    return np.asarray(soft - _AROUND @ soft @ _AROUND.T, dtype=np.float32)


def _ways(kinds: Sequence[tuple[float, float]]) -> tuple[Floats, Floats]:
    """For each crop or move along an axis: what gives its soft version, and what gives the surroundings of that."""
    soft = np.concatenate([_SOFT @ _resampling(*kind) for kind in kinds])
    around = np.concatenate([_AROUND @ _SOFT @ _resampling(*kind) for kind in kinds])
    return soft.astype(np.float32), around.astype(np.float32)


_WAYS = (_ways(_CROPS), _ways(_SHIFTS))


def _versions(picture: Floats) -> Floats:
    """Unit vectors of all that the picture may have been cropped or moved to; itself among them."""
    found = []
    for soft, around in _WAYS:
        count = len(soft) // SIDE
        details = soft @ picture @ soft.T - around @ picture @ around.T
        cells = details.reshape(count, SIDE, count, SIDE).swapaxes(1, 2)
        found.append(cells.reshape(count * count, SIDE * SIDE))
    return _unit(np.concatenate(found))


def _rough(pictures: Floats) -> Floats:
    """Unit vectors of the pictures at a third of the resolution, which a small crop changes little."""
    coarse = pictures.reshape(-1, SIDE // 3, 3, SIDE // 3, 3).mean(axis=(2, 4))
    return _unit(coarse - coarse.mean(axis=(1, 2), keepdims=True))


def _unit(pictures: Floats) -> Floats:
    """Unit vectors, whose products are correlations."""
    rows = pictures.reshape(len(pictures), -1)
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6), dtype=np.float32)


def _unpacked(digits: str) -> Floats:
    return np.frombuffer(bytes.fromhex(digits), dtype=np.uint8).reshape(SIDE, SIDE).astype(np.float32)
