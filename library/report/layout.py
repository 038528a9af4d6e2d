"""Traces of pictures that are no photo: a phone's status bar, and the straight seams of a collage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]

SCREENS = frozenset({
    (640, 1136), (750, 1334), (828, 1792), (1080, 1920), (1080, 2340), (1125, 2436), (1170, 2532), (1179, 2556),
    (1206, 2622), (1242, 2208), (1242, 2688), (1284, 2778), (1290, 2796), (1320, 2868), (720, 1280), (720, 1520),
    (720, 1600), (1080, 2160), (1080, 2220), (1080, 2280), (1080, 2310), (1080, 2316), (1080, 2376), (1080, 2400),
    (1080, 2408), (1080, 2412), (1080, 2424), (1080, 2460), (1080, 2520), (1220, 2712), (1240, 2772), (1260, 2800),
    (1344, 2992), (1440, 2560), (1440, 2880), (1440, 2960), (1440, 3040), (1440, 3088), (1440, 3120), (1440, 3200),
    (1536, 2048), (1620, 2160), (1640, 2360), (1668, 2224), (1668, 2388), (2048, 2732),
})  # fmt: skip
"""Pixels of phones' and tablets' screens, the shorter side first."""
COMMON = frozenset({(720, 1280), (1080, 1920), (1440, 2560), (1536, 2048)})
"""Those among them that pictures of any kind have."""

_BAR_ZONE = 0.09
"""The share of the height, at the top or the bottom, where a system's bar may lie."""
_BAR_LEAST = 0.012
_SEAM_LINES = 256
"""Lines across that are looked at: a seam shows in nearly all of them."""
_MOST_SEAMS = 5
"""More lines than these in one direction are stripes, shelves or fences."""
_ONE_WAY = 0.7
"""What a seam counts that is light on one side all along: walls, doors and horizons may look like that."""
_MARGIN = 0.06
"""A seam is at least so far, as a share of the side, from the picture's edge."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Evidence, each 0–1."""

    top_bar: float
    """How much the top looks like a status bar: flat, with a few small signs of high contrast."""
    bottom_bar: float
    seam_across: float
    """The share of the width along which a straight line from side to side cuts the picture in two."""
    seam_down: float
    gutter: float
    """The share of the length of a plain strip that separates two pictures from edge to edge."""


def layout(grey: Grey) -> Layout:
    """Measures the picture at its working size: a seam is a pixel wide."""
    across, gutter_across = _seams(grey.T)
    down, gutter_down = _seams(grey)
    return Layout(
        top_bar=_bar(grey),
        bottom_bar=_bar(grey[::-1]),
        seam_across=across,
        seam_down=down,
        gutter=max(gutter_across, gutter_down),
    )


def _bar(grey: Grey) -> float:
    """The share of the bar's ground that is one grey, if it is flat, holds signs, and ends before the zone does."""
    high, wide = grey.shape
    zone = grey[: max(8, int(high * _BAR_ZONE)), :: max(1, wide // 1024)].astype(np.int16)
    ground = int(np.bincount(zone[: max(2, int(high * _BAR_LEAST))].ravel().astype(np.int64), minlength=256).argmax())
    on_ground: NDArray[np.bool_] = np.abs(zone - ground) <= 3
    flat = on_ground.mean(axis=1) >= 0.55
    rows = len(flat) if bool(flat.all()) else int(flat.argmin())
    if rows < max(6, high * _BAR_LEAST):
        return 0.0
    ground_share = float(on_ground[:rows].mean())
    signs: NDArray[np.bool_] = np.abs(zone[:rows] - ground) >= 70
    share = float(signs.mean())
    if not 0.002 <= share <= 0.2:
        return 0.0
    return round(ground_share, 3) if _small_signs(signs) else 0.0


def _small_signs(signs: NDArray[np.bool_]) -> bool:
    """Several narrow signs with gaps between them, none high enough to be an object that the bar's edge cuts."""
    columns = signs.any(axis=0).astype(np.int8)
    starts = np.flatnonzero(np.diff(columns, prepend=0) == 1)
    ends = np.flatnonzero(np.diff(columns, append=0) == -1) + 1
    widest = int((ends - starts).max(initial=0))
    framed = not bool(signs[0].any()) and not bool(signs[-1].any())
    return len(starts) >= 4 and widest <= signs.shape[1] * 0.25 and framed


def _seams(grey: Grey) -> tuple[float, float]:
    """How much of the height the best vertical seam, and the best vertical gutter, run through."""
    high, wide = grey.shape
    if wide < 64 or high < 64:
        return 0.0, 0.0
    lines = grey[np.linspace(0, high - 1, min(_SEAM_LINES, high)).astype(int)].astype(np.int16)
    margin = max(8, int(wide * _MARGIN))
    return _seam(lines, margin), _gutter(lines, margin)


def _seam(lines: NDArray[np.int16], margin: int) -> float:
    """The share of lines that jump at one column, far more than they change on either side of it."""
    over = np.abs(lines[:, 5:-2] - lines[:, 2:-5])
    left = np.abs(lines[:, 2:-5] - lines[:, :-7])
    right = np.abs(lines[:, 7:] - lines[:, 5:-2])
    jumps = (over > 8) & (over > 2 * np.maximum(left, right))
    share = jumps.mean(axis=0)[margin:-margin]
    best = int(share.argmax())
    if int((np.diff((share >= 0.75 * share[best]).astype(np.int8), prepend=0) == 1).sum()) > _MOST_SEAMS:
        return 0.0
    straight = share[best] - _elsewhere(share, best)
    if straight <= 0:
        return 0.0
    column = margin + best
    ways = np.sign(lines[jumps[:, column], column + 5] - lines[jumps[:, column], column + 2])
    both_ways = min(float((ways > 0).mean()), float((ways < 0).mean())) >= 0.1
    return round(float(straight) * (1 if both_ways else _ONE_WAY), 3)


def _elsewhere(share: NDArray[np.float64], best: int) -> float:
    """How often lines jump at an ordinary column: in a picture full of edges a jump says less."""
    return float(np.median(np.delete(share, slice(max(0, best - 4), best + 5))))


def _gutter(lines: NDArray[np.int16], margin: int) -> float:
    """How much of the height the plainest strip separates two sides that are not plain."""
    spread = lines.std(axis=0)
    plain = (spread <= 2.5) & (np.abs(np.median(lines, axis=0) - lines).max(axis=0) <= 12)
    inner = np.diff(plain.astype(np.int8), prepend=0, append=0)
    best = 0.0
    for start, end in zip(np.flatnonzero(inner == 1), np.flatnonzero(inner == -1), strict=True):
        if end - start > 0.08 * lines.shape[1] or start < margin or end > lines.shape[1] - margin:
            continue
        beside = (lines[:, max(0, start - 4)], lines[:, min(lines.shape[1] - 1, end + 3)])
        ground = np.median(lines[:, start:end])
        differs = [float((np.abs(side - ground) > 12).mean()) for side in beside]
        if min(differs) > 0.5 and min(float(side.std()) for side in beside) > 8:
            best = max(best, min(differs))
    return round(best, 3)
