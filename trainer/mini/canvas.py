"""The drawing surface of the portrait renderer: places shapes given in head units, with the head's turn, tilt and
framing."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import TypeAlias

from PIL import Image, ImageDraw

from .world import Nuisance

OVERSAMPLING = 3
"""How many times too large shapes are drawn before reducing."""

Point: TypeAlias = tuple[float, float]
Colour: TypeAlias = tuple[int, int, int]


def mix(a: Colour, b: Colour, t: float) -> Colour:
    """`a` where t is 0, `b` where it is 1."""
    return int(a[0] + (b[0] - a[0]) * t), int(a[1] + (b[1] - a[1]) * t), int(a[2] + (b[2] - a[2]) * t)


def shade(colour: Colour, factor: float) -> Colour:
    """The colour made darker (factor below 1) or lighter."""
    return min(255, int(colour[0] * factor)), min(255, int(colour[1] * factor)), min(255, int(colour[2] * factor))


def oval(x: float, y: float, rx: float, ry: float, points: int = 25) -> list[Point]:
    """Points of an ellipse, from its right end over its bottom and round (y points down)."""
    step = 2 * math.pi / (points - 1)
    return [(x + rx * math.cos(i * step), y + ry * math.sin(i * step)) for i in range(points)]


def spline(points: Sequence[Point], closed: bool = False, steps: int = 5) -> list[Point]:
    """A smooth curve through the points (Catmull-Rom)."""
    n = len(points)
    curve: list[Point] = []
    for i in range(n if closed else n - 1):
        if closed:
            p0, p1, p2, p3 = points[i - 1], points[i], points[(i + 1) % n], points[(i + 2) % n]
        else:
            p0, p1, p2, p3 = points[max(i - 1, 0)], points[i], points[i + 1], points[min(i + 2, n - 1)]
        for k in range(steps):
            t = k / steps
            a, b = 0.5 * (2 * t**3 - 3 * t**2 + 1) * 2, 0.5 * (-2 * t**3 + 3 * t**2) * 2
            c, d = 0.5 * (t**3 - 2 * t**2 + t), 0.5 * (t**3 - t**2)
            curve.append(
                (
                    a * p1[0] + b * p2[0] + c * (p2[0] - p0[0]) + d * (p3[0] - p1[0]),
                    a * p1[1] + b * p2[1] + c * (p2[1] - p0[1]) + d * (p3[1] - p1[1]),
                )
            )
    if not closed:
        curve.append(points[-1])
    return curve


class Canvas:
    """An oversized picture and the way from head units to its pixels.

    `depth` says how far a shape stands out of the head's middle plane: when the head turns, near things move more than
    far ones. `body` is the way for what does not tilt or turn with the head.
    """

    def __init__(self, width: int, height: int, nuisance: Nuisance, rng: random.Random) -> None:
        self.image = Image.new("RGB", (width * OVERSAMPLING, height * OVERSAMPLING))
        self.draw = ImageDraw.Draw(self.image)
        self.head_mask = Image.new("L", self.image.size)
        w, h = self.image.size
        share = {"close": 0.365, "portrait": 0.29, "wide": 0.225}[nuisance.framing] * rng.uniform(0.95, 1.05)
        self.scale = min(w * 1.1, h, math.sqrt(w * h)) * share
        self.turn = {"left": -1.0, "ahead": 0.0, "right": 1.0}[nuisance.turn] * rng.uniform(0.85, 1.1) + rng.uniform(
            -0.08, 0.08
        )
        tilt = {"left": -13.0, "straight": 0.0, "right": 13.0}[nuisance.tilt] + rng.uniform(-2.5, 2.5)
        self.sin, self.cos = math.sin(math.radians(tilt)), math.cos(math.radians(tilt))
        self.x = w * (0.5 + rng.uniform(-0.03, 0.03))
        self.y = h * ({"close": 0.50, "portrait": 0.45, "wide": 0.43}[nuisance.framing] + rng.uniform(-0.02, 0.02))
        self.body = "body"

    def place(self, point: Point, frame: str | None = None, depth: float = 0.0) -> Point:
        """A point in head units (x right, y down, half a head is 1) as pixels."""
        x, y = point
        if frame != "body":
            x = x * (1 - 0.10 * abs(self.turn) * (depth > 0)) + self.turn * depth
            pivot = 0.9
            x, y = x * self.cos - (y - pivot) * self.sin, x * self.sin + (y - pivot) * self.cos + pivot
        return self.x + x * self.scale, self.y + y * self.scale

    def polygon(
        self,
        points: Sequence[Point],
        fill: Colour | int,
        frame: str | None = None,
        depth: float = 0.0,
        draw: ImageDraw.ImageDraw | None = None,
    ) -> None:
        """Fill a shape."""
        (draw or self.draw).polygon([self.place(p, frame, depth) for p in points], fill=fill)

    def ellipse(
        self,
        x: float,
        y: float,
        rx: float,
        ry: float,
        fill: Colour | int,
        frame: str | None = None,
        depth: float = 0.0,
        draw: ImageDraw.ImageDraw | None = None,
    ) -> None:
        """Fill an ellipse (turned with the head)."""
        self.polygon(oval(x, y, rx, ry), fill, frame, depth, draw)

    def line(
        self,
        points: Sequence[Point],
        fill: Colour | int,
        width: float,
        frame: str | None = None,
        draw: ImageDraw.ImageDraw | None = None,
        depth: float = 0.0,
    ) -> None:
        """A stroke with round ends; `width` in head units."""
        pen = draw or self.draw
        pixels = max(1, round(width * self.scale))
        placed = [self.place(p, frame, depth) for p in points]
        pen.line(placed, fill=fill, width=pixels, joint="curve")
        r = pixels / 2 - 0.5
        for x, y in (placed[0], placed[-1]):
            pen.ellipse((x - r, y - r, x + r, y + r), fill=fill)

    def mask(self, points: Sequence[Point], frame: str | None = None, depth: float = 0.0) -> Image.Image:
        """The shape as an L mask of the canvas size."""
        mask = Image.new("L", self.image.size)
        self.polygon(points, 255, frame, depth, ImageDraw.Draw(mask))
        return mask
