"""How light a picture is, leaving out what is white or black on purpose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Colours = NDArray[np.uint8]

_BLOWN = 250
"""Luma from which on no detail is left."""
_BLACK = 3
_BACKDROP = 0.6
"""The share of the picture's upper rim from which on white is a backdrop or a sky, not the subject."""
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)


@dataclass(frozen=True, kw_only=True)
class Exposure:
    """Luma is 0–255."""

    median: float
    """Of what is not white background."""
    darkest: float
    """The luma below which lies the darkest hundredth."""
    lightest: float
    """The luma above which lie the lightest 3 of 1,000: highlights and the white of eyes, where there is light."""
    blown: float
    """Share of pure white, of what is not white background: 0–1."""
    black: float
    """Share of pure black: 0–1. A black backdrop is no flaw, so nothing is judged by it."""
    warmth: float
    """Red less blue, of 255: above 0 is yellowish light, below is bluish."""

    @property
    def contrast(self) -> float:
        """How far the darkest hundredth and the lightest 3 of 1,000 are apart."""
        return self.lightest - self.darkest


@dataclass(frozen=True, kw_only=True)
class FaceLight:
    """The light on a face, in its middle, without hair and background."""

    median: float
    lightest: float
    """The luma above which lies the lightest twentieth: skin of any colour has highlights where there is light."""
    blown: float


def exposure(colours: Colours) -> Exposure:
    """Measures a small copy of the picture (rows × columns × RGB)."""
    luma = colours.astype(np.float32) @ _LUMA
    body = ~_white_background(luma)
    if body.mean() < 0.02:
        body = np.ones_like(body)
    inside = luma[body]
    darkest, lightest = np.percentile(luma, (1, 99.7))
    red, _, blue = colours[body].mean(axis=0)
    return Exposure(
        median=round(float(np.median(inside)), 1),
        darkest=round(float(darkest), 1),
        lightest=round(float(lightest), 1),
        blown=round(float((inside >= _BLOWN).mean()), 4),
        black=round(float((luma <= _BLACK).mean()), 4),
        warmth=round(float(red) - float(blue), 1),
    )


def face_light(colours: Colours) -> FaceLight:
    """Measures a cut-out of the face."""
    luma = colours.astype(np.float32) @ _LUMA
    high, wide = luma.shape
    middle = luma[int(high * 0.15) : max(1, int(high * 0.9)), int(wide * 0.2) : max(1, int(wide * 0.8))]
    return FaceLight(
        median=round(float(np.median(middle)), 1),
        lightest=round(float(np.percentile(middle, 95)), 1),
        blown=round(float((middle >= _BLOWN).mean()), 4),
    )


def _white_background(luma: NDArray[np.float32]) -> NDArray[np.bool_]:
    """White that reaches the picture's edge: a studio's backdrop, a bright sky, the paper around a cut-out.

    It fills most of the upper rim; otherwise it counts as overexposed like the rest.
    """
    white = luma >= _BLOWN - 5
    reached = np.zeros_like(white)
    half = len(luma) // 2
    rim = np.concatenate([white[0], white[:half, 0], white[:half, -1]])
    if rim.mean() < _BACKDROP:
        return reached
    for border in (np.s_[0, :], np.s_[-1, :], np.s_[:, 0], np.s_[:, -1]):
        reached[border] = white[border]
    while True:
        grown = reached.copy()
        grown[1:] |= reached[:-1]
        grown[:-1] |= reached[1:]
        grown[:, 1:] |= reached[:, :-1]
        grown[:, :-1] |= reached[:, 1:]
        grown &= white
        if np.array_equal(grown, reached):
            return reached
        reached = grown
