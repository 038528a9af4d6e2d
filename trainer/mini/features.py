"""The parts of a drawn face: eyes, brows, nose, mouth, beard, marks."""

from __future__ import annotations

import random
from collections.abc import Sequence

from PIL import Image, ImageChops, ImageDraw

from .canvas import Canvas, Colour, Point, mix, oval, shade, spline
from .world import Identity

_NEAR = 0.20
"""Depth of what sits on the front of the face."""

_DARK: Colour = (34, 24, 28)


def eye_place(identity: Identity) -> tuple[float, float, float]:
    """Distance of an eye from the middle, height of the eyes, half an eye's width."""
    return 0.285 + 0.125 * identity.eye_spacing, 0.06, 0.15 + 0.09 * identity.eye_size


def draw_eyes(canvas: Canvas, identity: Identity, expression: str, iris: Colour) -> None:
    """Both eyes. The gaze follows the head's turn a little."""
    x, y, r = eye_place(identity)
    tall = {"surprised": 1.12, "laughing": 0.5, "smiling": 0.82, "angry": 0.66, "sad": 0.74}.get(expression, 0.86)
    lashes = 0.065 if identity.class_word == "woman" else 0.045
    for side in (-1, 1):
        cx = side * x
        if expression == "sleeping":
            canvas.line(spline([(cx - r, y), (cx, y + r * 0.5), (cx + r, y)]), _DARK, 0.06, depth=_NEAR)
            continue
        if expression == "laughing":
            canvas.line(spline([(cx - r, y + 0.06), (cx, y - r * 0.55), (cx + r, y + 0.06)]), _DARK, 0.07, depth=_NEAR)
            continue
        white = oval(cx, y, r, r * tall)
        mask = canvas.mask(white, depth=_NEAR)
        layer = Image.new("RGB", canvas.image.size, (250, 248, 246))
        pen = ImageDraw.Draw(layer)
        gx, gy, ir = cx + canvas.turn * r * 0.22, y + (0.03 if expression == "sad" else 0.0), r * 0.74
        canvas.ellipse(gx, gy, ir, ir, shade(iris, 0.6), depth=_NEAR, draw=pen)
        canvas.ellipse(gx, gy + ir * 0.08, ir * 0.84, ir * 0.84, iris, depth=_NEAR, draw=pen)
        canvas.ellipse(gx, gy, ir * 0.40, ir * 0.40, (18, 14, 18), depth=_NEAR, draw=pen)
        canvas.ellipse(gx - ir * 0.34, gy - ir * 0.40, ir * 0.28, ir * 0.28, (255, 255, 255), depth=_NEAR, draw=pen)
        canvas.image.paste(layer, (0, 0), mask)
        lid = [
            (cx - r * 1.02, y - r * tall * 0.12),
            (cx - r * 0.6, y - r * tall * 0.84),
            (cx, y - r * tall),
            (cx + r * 0.6, y - r * tall * 0.84),
            (cx + r * 1.02, y - r * tall * 0.12),
        ]
        canvas.line(spline(lid), _DARK, lashes, depth=_NEAR)
        if identity.class_word == "woman":
            canvas.line(
                [(cx + side * r * 0.9, y - r * tall * 0.3), (cx + side * r * 1.3, y - r * tall * 0.62)],
                _DARK,
                0.05,
                depth=_NEAR,
            )


def draw_brows(canvas: Canvas, identity: Identity, expression: str, colour: Colour) -> None:
    """Brows carry much of the expression: raised, drawn together, slanted."""
    x, y, r = eye_place(identity)
    weight = 0.04 + 0.10 * identity.brow_weight
    lift = {"surprised": 0.13, "laughing": 0.06, "angry": -0.05, "sleeping": -0.02}.get(expression, 0.0)
    slant = {"angry": 0.12, "sad": -0.13, "surprised": -0.02}.get(expression, 0.0)
    top = y - r - 0.10 - lift
    for side in (-1, 1):
        inner, outer = (side * (x - r * 0.95), top + slant), (side * (x + r * 1.05), top - slant * 0.4 + 0.03)
        middle = (side * (x + r * 0.1), top - 0.05 + slant * 0.1)
        canvas.line(spline([inner, middle, outer]), colour, weight, depth=_NEAR * 0.9)


def draw_nose(canvas: Canvas, identity: Identity, dark: Colour, light: Colour) -> None:
    """A bridge highlight, a shaded side and the tip."""
    size = 0.065 + 0.125 * identity.nose_size
    tip = 0.36 + 0.05 * identity.nose_size
    canvas.line([(0.0, 0.10), (0.0, tip - 0.06)], light, size * 0.55, depth=0.27)
    canvas.ellipse(0.0, tip, size, size * 0.72, mix(light, dark, 0.25), depth=0.30)
    canvas.line(
        spline(
            [
                (-size, tip + 0.02),
                (-size * 0.5, tip + size * 0.62),
                (0, tip + size * 0.7),
                (size * 0.5, tip + size * 0.62),
                (size, tip + 0.02),
            ]
        ),
        shade(dark, 0.86),
        0.045,
        depth=0.29,
    )


def draw_mouth(canvas: Canvas, identity: Identity, expression: str, lips: Colour, dark: Colour) -> None:
    """The mouth: six shapes."""
    w = 0.15 + 0.18 * identity.mouth_width
    y = 0.66
    d = 0.2
    if expression == "smiling":
        w *= 1.15
        canvas.polygon(
            spline(
                [
                    (-w, y - 0.06),
                    (-w * 0.5, y + 0.0),
                    (0, y + 0.02),
                    (w * 0.5, y),
                    (w, y - 0.06),
                    (w * 0.5, y + 0.11),
                    (0, y + 0.15),
                    (-w * 0.5, y + 0.11),
                ],
                True,
            ),
            lips,
            depth=d,
        )
        canvas.polygon(
            spline([(-w * 0.8, y - 0.01), (0, y + 0.03), (w * 0.8, y - 0.01), (0, y + 0.09)], True),
            (252, 250, 246),
            depth=d,
        )
    elif expression == "laughing":
        w *= 1.15
        mouth = spline(
            [(-w, y - 0.1), (0, y - 0.06), (w, y - 0.1), (w * 0.62, y + 0.16), (0, y + 0.23), (-w * 0.62, y + 0.16)],
            True,
        )
        canvas.polygon(mouth, (112, 28, 36), depth=d)
        canvas.polygon(
            spline(
                [(-w * 0.9, y - 0.08), (0, y - 0.05), (w * 0.9, y - 0.08), (w * 0.6, y + 0.03), (-w * 0.6, y + 0.03)],
                True,
            ),
            (252, 250, 246),
            depth=d,
        )
        canvas.ellipse(0, y + 0.16, w * 0.42, 0.06, (218, 96, 100), depth=d)
        canvas.line([*mouth, mouth[0]], lips, 0.035, depth=d)
    elif expression == "surprised":
        canvas.ellipse(0, y + 0.05, w * 0.62, 0.155, lips, depth=d)
        canvas.ellipse(0, y + 0.05, w * 0.42, 0.11, (84, 22, 30), depth=d)
    else:
        bend = {"sad": -0.10, "angry": -0.05, "sleeping": 0.02}.get(expression, 0.0)
        wide = 0.85 if expression == "sad" else 1.0
        w *= wide
        centre = y + bend * 0.5 + 0.02
        line = [
            (-w, y - bend * 0.5),
            (-w * 0.4, centre + bend * 0.2),
            (w * 0.4, centre + bend * 0.2),
            (w, y - bend * 0.5),
        ]
        full = 0.075
        under = [
            (w * 0.55, centre + bend * 0.2 + full * 0.8),
            (0, centre + bend * 0.25 + full),
            (-w * 0.55, centre + bend * 0.2 + full * 0.8),
        ]
        over = [(w * 0.35, centre - full * 0.8), (0, centre - full * 0.45), (-w * 0.35, centre - full * 0.8)]
        canvas.polygon(spline([line[0], *reversed(over), line[3], *under], True), lips, depth=d)
        canvas.line(spline(line), shade(dark, 0.55), 0.035, depth=d)


def draw_beard(canvas: Canvas, identity: Identity, colour: Colour, outline: Sequence[Point]) -> None:
    """Stubble tints the jaw; a full beard covers it; a moustache sits under the nose."""
    if identity.beard in ("stubble", "full"):
        jaw = spline(
            [
                (-0.9, 0.34),
                (-0.5, 0.44),
                (-0.32, 0.55),
                (0, 0.5),
                (0.32, 0.55),
                (0.5, 0.44),
                (0.9, 0.34),
                (0.9, 1.4),
                (-0.9, 1.4),
            ],
            True,
        )
        mask = ImageChops.multiply(canvas.mask(jaw, depth=0.08), canvas.head_mask)
        strength = 0.30 if identity.beard == "stubble" else 0.97
        canvas.image.paste(shade(colour, 0.9), (0, 0), mask.point(lambda v: int(v * strength)))
        if identity.beard == "full":
            chin = max(y for _, y in outline)
            canvas.polygon(
                spline(
                    [
                        (-0.42, chin - 0.22),
                        (0, chin - 0.16),
                        (0.42, chin - 0.22),
                        (0.3, chin + 0.1),
                        (0, chin + 0.18),
                        (-0.3, chin + 0.1),
                    ],
                    True,
                ),
                shade(colour, 0.9),
                depth=0.06,
            )
    if identity.beard in ("moustache", "full"):
        half = [(0.0, 0.50), (0.16, 0.50), (0.34, 0.62), (0.40, 0.58)]
        back = [(0.30, 0.66), (0.14, 0.60), (0.0, 0.585)]
        right = [*half, *back]
        for side in (-1, 1):
            canvas.polygon(spline([(side * x, y) for x, y in right], True), shade(colour, 0.82), depth=0.22)


def draw_marks(canvas: Canvas, identity: Identity, dark: Colour) -> None:
    """Freckles, a mole or a scar: always at the same places, as on a real face."""
    if identity.marks == "freckles":
        rng = random.Random("freckles")
        spot = mix(dark, (140, 60, 30), 0.65)
        for side in (-1, 1):
            for _ in range(6):
                canvas.ellipse(side * rng.uniform(0.12, 0.50), rng.uniform(0.26, 0.48), 0.04, 0.04, spot, depth=_NEAR)
    elif identity.marks == "mole":
        canvas.ellipse(-0.36, 0.50, 0.07, 0.07, (52, 28, 26), depth=_NEAR)
    elif identity.marks == "scar":
        pale = mix(dark, (190, 60, 66), 0.6)
        canvas.line([(0.30, 0.32), (0.52, 0.64)], pale, 0.06, depth=_NEAR * 0.8)
        for t in (0.35, 0.7):
            x, y = 0.30 + 0.22 * t, 0.32 + 0.32 * t
            canvas.line([(x - 0.08, y + 0.04), (x + 0.08, y - 0.04)], pale, 0.04, depth=_NEAR * 0.8)
