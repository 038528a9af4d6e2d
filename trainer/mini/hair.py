"""Hair: what lies behind the head, and what lies on it."""

from __future__ import annotations

import math

from PIL import ImageChops

from .canvas import Canvas, Colour, Point, mix, oval, shade, spline
from .world import Identity


def _size(identity: Identity) -> tuple[float, float]:
    """Half the head's width, and how far hair stands off."""
    return 0.60 + 0.20 * identity.face_width, 0.07 + 0.17 * identity.hair_volume


def draw_behind(canvas: Canvas, identity: Identity, colour: Colour) -> None:
    """The part that neck, shoulders and face cover."""
    w, v = _size(identity)
    dark = shade(colour, 0.78)
    style = identity.hair_style
    if style == "long":
        half = [
            (0.0, -1.0 - v),
            (w * 0.8 + v, -0.85),
            (w + v + 0.08, -0.2),
            (w + v + 0.1, 0.6),
            (w + v + 0.18, 1.3),
            (w * 0.5, 1.55),
        ]
    elif style == "bob":
        half = [(0.0, -1.0 - v), (w * 0.8 + v, -0.82), (w + v + 0.1, -0.15), (w + v + 0.16, 0.5), (w * 0.7, 0.84)]
    elif style == "ponytail":
        tail = [
            (w * 0.3, -0.9),
            (w + 0.5 + v, -0.78),
            (w + 0.68 + v, -0.1),
            (w + 0.44 + v, 0.75),
            (w + 0.26, 0.2),
            (w * 0.7, -0.4),
        ]
        canvas.polygon(spline(tail, True), dark, depth=-0.2)
        canvas.line(spline([(w + 0.34, -0.55), (w + 0.46 + v, 0.0), (w + 0.38 + v, 0.5)]), colour, 0.09, depth=-0.2)
        return
    elif style == "bun":
        canvas.ellipse(0.0, -1.16 - v, 0.34 + v * 0.4, 0.30 + v * 0.4, dark, depth=-0.12)
        canvas.ellipse(-0.06, -1.2 - v, 0.22 + v * 0.3, 0.17 + v * 0.3, colour, depth=-0.12)
        return
    elif style == "curly":
        for i in range(15):
            a = math.radians(-210 + i * 240 / 14)
            r = 0.25 + v * 0.55
            canvas.ellipse((w + v) * math.cos(a) * 1.02, -0.24 + (0.80 + v) * math.sin(a), r, r, dark)
        return
    else:
        return
    canvas.polygon(spline([*half, *((-x, y) for x, y in reversed(half[1:]))], True), dark, depth=-0.06)


def draw_front(canvas: Canvas, identity: Identity, colour: Colour) -> None:
    """The cap of hair, its fringe and its shine."""
    style = identity.hair_style
    if style == "bald":
        return
    w, v = _size(identity)
    top = -1.0 - v * (1.25 if style in ("short", "parted", "spiky") else 1.0)
    line = _hairline(identity, w)
    reach = {"short": -0.12, "spiky": -0.16, "parted": -0.05, "curly": 0.05, "bun": -0.06, "ponytail": -0.06}.get(
        style, 0.42
    )
    wide = w + {"short": 0.03, "spiky": 0.02, "parted": 0.06, "bun": 0.03, "ponytail": 0.03}.get(style, 0.07 + v * 0.8)
    outer: list[Point] = [
        (-wide, reach),
        (-wide - 0.02, -0.34),
        (-wide * 0.80, -0.80 - v * 0.5),
        (-wide * 0.38, top + 0.04),
        (0.0, top),
        (wide * 0.38, top + 0.04),
        (wide * 0.80, -0.80 - v * 0.5),
        (wide + 0.02, -0.34),
        (wide, reach),
    ]
    crown = spline(outer)
    if style == "spiky":
        crown = _spikes(wide, v, reach)
    canvas.polygon([*crown, *reversed(spline(line))], colour, depth=0.03)
    if style == "curly":
        for i in range(11):
            a = math.radians(-196 + i * 212 / 10)
            r = 0.20 + v * 0.35
            x, y = (w * 0.92 + v * 0.3) * math.cos(a), -0.34 + (0.62 + v * 0.4) * math.sin(a)
            canvas.ellipse(x, y, r, r * 0.92, colour, depth=0.03)
            canvas.line(oval(x, y, r * 0.62, r * 0.55)[14:22], mix(colour, (255, 255, 255), 0.16), 0.04, depth=0.03)
    if style in ("long", "bob"):
        end = 1.12 if style == "long" else 0.62
        for side in (-1, 1):
            lock = [
                (side * w * 0.86, -0.5),
                (side * (w + 0.05 + v), -0.3),
                (side * (w + 0.10 + v), 0.3),
                (side * (w + 0.12 + v), end),
                (side * (w * 0.80), end + 0.06),
                (side * w * 0.98, 0.2),
            ]
            canvas.polygon(spline(lock, True), colour, depth=0.0)
            canvas.line(
                spline(
                    [
                        (side * (w + 0.01), -0.2),
                        (side * (w + 0.06 + v * 0.5), 0.25),
                        (side * (w + 0.03 + v * 0.4), end - 0.1),
                    ]
                ),
                shade(colour, 0.82),
                0.035,
            )
    _fringe(canvas, identity, colour, w)
    shine = mix(colour, (255, 255, 255), 0.30 if sum(colour) < 620 else 0.6)
    arc = [(-w * 0.62, -0.70), (-w * 0.40, -0.84 - v * 0.4), (-w * 0.12, -0.90 - v * 0.5)]
    if style != "spiky":
        canvas.line(spline(arc), shine, 0.055, depth=0.05)
        canvas.line(spline([(w * 0.08, -0.90 - v * 0.5), (w * 0.22, -0.87 - v * 0.5)]), shine, 0.05, depth=0.05)
    if style == "parted":
        canvas.line(spline([(w * 0.34, top + 0.06), (w * 0.40, -0.62)]), shade(colour, 0.68), 0.04, depth=0.08)


def _hairline(identity: Identity, w: float) -> list[Point]:
    """Where the forehead begins, left to right."""
    style = identity.hair_style
    low = {"short": -0.12, "spiky": -0.16, "parted": -0.05, "curly": 0.05, "bun": -0.06, "ponytail": -0.06}.get(
        style, 0.42
    )
    side = 0.97 if style in ("short", "spiky", "parted", "bun", "ponytail") else 0.90
    return [
        (-w * side, low),
        (-w * side * 0.94, -0.34),
        (-w * 0.62, -0.56),
        (0.0, -0.64),
        (w * 0.62, -0.56),
        (w * side * 0.94, -0.34),
        (w * side, low),
    ]


def _spikes(wide: float, v: float, reach: float) -> list[Point]:
    points: list[Point] = [(-wide, reach), (-wide - 0.02, -0.4)]
    count = 6
    for i in range(count):
        a0 = math.radians(-160 + i * 140 / count)
        a1 = math.radians(-160 + (i + 0.5) * 140 / count)
        for a, r in ((a0, 1.0), (a1, 1.24 + v * 1.3)):
            points.append((wide * r * math.cos(a) * 1.02, -0.22 + 0.86 * r * math.sin(a)))
    points += [(wide + 0.02, -0.4), (wide, reach)]
    return points


def _fringe(canvas: Canvas, identity: Identity, colour: Colour, w: float) -> None:
    if identity.fringe == "straight":
        shape = [
            (-w * 0.94, -0.6),
            (-w * 0.94, -0.20),
            (-w * 0.5, -0.25),
            (0, -0.26),
            (w * 0.5, -0.25),
            (w * 0.94, -0.20),
            (w * 0.94, -0.6),
            (0, -0.8),
        ]
        cut = canvas.mask(spline(shape, True), depth=0.08)
        canvas.image.paste(colour, (0, 0), ImageChops.multiply(cut, canvas.head_mask))
        for x in (-0.36, -0.02, 0.34):
            canvas.line([(x, -0.62), (x * 1.06, -0.32)], shade(colour, 0.8), 0.03, depth=0.08)
    elif identity.fringe == "swept":
        shape = [
            (w * 0.45, -0.84),
            (w * 0.30, -0.58),
            (-w * 0.20, -0.34),
            (-w * 0.95, -0.10),
            (-w * 1.0, -0.45),
            (-w * 0.5, -0.8),
        ]
        canvas.polygon(spline(shape, True), colour, depth=0.07)
        canvas.line(
            spline([(w * 0.32, -0.66), (-w * 0.2, -0.46), (-w * 0.80, -0.25)]), shade(colour, 0.8), 0.03, depth=0.07
        )
