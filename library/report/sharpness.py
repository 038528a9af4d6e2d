"""How wide a picture's edges are: blur measured on the picture's own content."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.float32]

FINE, COARSE = 1.0 + 1 / 3, 3.0 + 1 / 3
"""Variances, in square pixels, of the two smoothings that are compared, that of the central difference included."""
_SHARPEST = 0.06
"""The share of the picture that has to be in focus: a face in front of a blurred room is no more."""
_SMEARED = 0.1
"""The share of a direction's edges that have to be sharp: a soft background may have edges of one direction only."""
_LEAST_TILES = 4
_WIDEST = 12.0
"""Pixels. Wider edges are not told apart."""
_ALONG = ((1, 0), (0, 1), (1, -1), (1, 1))
"""The way along an edge, down and right, for each of the directions that slopes are sorted into."""


def edge_blur(grey: Grey, tile: int = 32) -> tuple[float | None, float | None]:
    """How wide the sharpest edges are, and by how much wider in one direction than in another, in pixels.

    The width is the standard deviation of the Gaussian that would have blurred an ideal edge so much. It is found by
    comparing an edge's slope after a little and after more smoothing: a sharp edge loses much, a blurred one hardly
    any. The slope at an edge of width s after smoothing by a is proportional to 1/sqrt(s²+a²), whatever its contrast.
    The second number is high where the camera moved: edges along the movement stay sharp, those across it don't.
    None where the picture has too few edges to tell.
    """
    if min(grey.shape) < 3 * tile:
        return None, None
    fine = _smooth(_smooth(grey, 1), 1)
    coarse = _smooth(fine, 2)
    fine_x, fine_y = _slopes(fine[2:-2, 2:-2])
    coarse_x, coarse_y = _slopes(coarse)
    steep, slope = fine_x**2 + fine_y**2, coarse_x**2 + coarse_y**2
    noise = [float(np.quantile(_tiled(one, tile).mean(axis=2), 0.05)) for one in (steep, slope)]
    least = _least_slope(grey) ** 2 + 4 * noise[1]
    kinds = _direction(coarse_x, coarse_y)
    widths = []
    for kind, along in enumerate(_ALONG):
        down, right = _steepest(np.where(kinds == kind, slope, 0), tile, least)
        low, high = (_mean_along(one, down, right, along) for one in (steep, slope))
        widths.append(_widths(low - noise[0], np.maximum(high - noise[1], 1e-6)))
    return _over_all(widths), _smear(widths)


def _over_all(widths: list[NDArray[np.float32]]) -> float | None:
    together = np.sort(np.concatenate(widths))
    if len(together) < _LEAST_TILES:
        return None
    return round(float(together[: max(_LEAST_TILES, int(len(together) * _SHARPEST))].mean()), 2)


def _smear(widths: list[NDArray[np.float32]]) -> float | None:
    """How much wider the sharpest edges are in the softest direction than in the sharpest one."""
    known = [float(np.quantile(one, _SMEARED)) for one in widths if len(one) >= 4 * _LEAST_TILES]
    return round(max(known) - min(known), 2) if len(known) >= 2 else None


def _steepest(slope: Grey, tile: int, least: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Where the steepest pixel of each tile is, in tiles where it is steep enough."""
    tiles = _tiled(slope, tile)
    at = tiles.argmax(axis=2)
    row, column = np.nonzero(np.take_along_axis(tiles, at[:, :, None], 2)[:, :, 0] >= least)
    inside = at[row, column]
    return row * tile + inside // tile, column * tile + inside % tile


def _mean_along(values: Grey, down: NDArray[np.intp], right: NDArray[np.intp], along: tuple[int, int]) -> Grey:
    """The mean of five pixels along the edge: noise is averaged, and the edge stays as wide as it is."""
    high, wide = values.shape
    steps = range(-2, 3)
    rows = [np.clip(down + step * along[0], 0, high - 1) for step in steps]
    columns = [np.clip(right + step * along[1], 0, wide - 1) for step in steps]
    mean: Grey = np.mean([values[row, column] for row, column in zip(rows, columns, strict=True)], axis=0)
    return mean


def _widths(fine: Any, coarse: Any) -> NDArray[np.float32]:
    """Edge widths from squared slopes at the two smoothings."""
    ratio = fine / coarse
    lost = np.maximum(ratio - 1, 1e-3)
    width: NDArray[np.float32] = np.sqrt(np.clip((COARSE - ratio * FINE) / lost, 0, _WIDEST**2), dtype=np.float32)
    return width


def _smooth(grey: Grey, reach: int) -> Grey:
    """Binomial smoothing (1 2 1) with steps of `reach` pixels; the border of `reach` pixels is lost."""
    inner = slice(reach, -reach)
    rows = grey[: -2 * reach] + 2 * grey[inner] + grey[2 * reach :]
    whole = rows[:, : -2 * reach] + 2 * rows[:, inner] + rows[:, 2 * reach :]
    return np.asarray(whole / 16, dtype=np.float32)


def _slopes(grey: Grey) -> tuple[Grey, Grey]:
    half = np.float32(0.5)
    return (grey[1:-1, 2:] - grey[1:-1, :-2]) * half, (grey[2:, 1:-1] - grey[:-2, 1:-1]) * half


def _direction(x: Grey, y: Grey) -> NDArray[np.uint8]:
    """0 for slopes along x, 1 along y, 2 and 3 along the diagonals."""
    wide, high = np.abs(x), np.abs(y)
    kind: NDArray[np.uint8] = np.where(x * y > 0, np.uint8(2), np.uint8(3))
    kind[wide > 2.4 * high] = 0
    kind[high > 2.4 * wide] = 1
    return kind


def _tiled(values: NDArray[Any], tile: int) -> NDArray[Any]:
    """Squares of `tile` pixels: rows × columns × pixels."""
    down, right = values.shape[0] // tile, values.shape[1] // tile
    cut = values[: down * tile, : right * tile].reshape(down, tile, right, tile)
    squares: NDArray[Any] = cut.swapaxes(1, 2).reshape(down, right, tile * tile)
    return squares


def _least_slope(grey: Grey) -> float:
    """Grey levels a pixel from which on a slope is an edge: less in a picture of little contrast."""
    dark, light = np.percentile(grey[::8, ::8], (1, 99))
    return float(np.clip(0.012 * (light - dark), 0.8, 2.5))
