"""The drawing surface of the portrait renderer: places shapes given in head units, with the head's turn and the
framing."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
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


def head_place(width: int, height: int, framing: str) -> tuple[float, float, float]:
    """Where a head usually is in a picture of that size: its middle, and half its height.

    Pictures differ from it by about a pixel. A model of a few million parameters draws features well that it finds at
    the same place, and smears those that may be anywhere.
    """
    share, down = {"close": (0.40, 0.52), "portrait": (0.335, 0.49), "wide": (0.275, 0.46)}[framing]
    return width * 0.5, height * down, min(width * 1.1, height, math.sqrt(width * height)) * share


def picture_rng(nuisance: Nuisance) -> random.Random:
    """Where a picture's small unnamed differences come from. The head's place is drawn first."""
    return random.Random(f"jitter {nuisance.jitter}")


@dataclass(frozen=True)
class Pose:
    """Where the head is in one picture."""

    x: float
    """The head's middle, in pixels."""
    y: float
    scale: float
    """Half the head's height, in pixels."""
    turn: float
    """About -1 (left) to 1 (right)."""


def head_pose(width: int, height: int, nuisance: Nuisance, rng: random.Random) -> Pose:
    """The usual place, moved by about a pixel. `rng` must be as `picture_rng` gives it."""
    x, y, scale = head_place(width, height, nuisance.framing)
    scale *= rng.uniform(0.985, 1.015)
    turn = {"left": -1.0, "ahead": 0.0, "right": 1.0}[nuisance.turn] + rng.uniform(-0.05, 0.05)
    x += width * rng.uniform(-0.006, 0.006)
    return Pose(x, y + height * rng.uniform(-0.006, 0.006), scale, turn)


class Canvas:
    """An oversized picture and the way from head units to its pixels.

    `depth` says how far a shape stands out of the head's middle plane: when the head turns, near things move more than
    far ones. `body` is the way for what does not turn with the head.
    """

    def __init__(self, width: int, height: int, nuisance: Nuisance, rng: random.Random) -> None:
        self.image = Image.new("RGB", (width * OVERSAMPLING, height * OVERSAMPLING))
        self.draw = ImageDraw.Draw(self.image)
        self.head_mask = Image.new("L", self.image.size)
        w, h = self.image.size
        pose = head_pose(w, h, nuisance, rng)
        self.x, self.y, self.scale, self.turn = pose.x, pose.y, pose.scale, pose.turn
        self.body = "body"

    def place(self, point: Point, frame: str | None = None, depth: float = 0.0) -> Point:
        """A point in head units (x right, y down, half a head is 1) as pixels."""
        x, y = point
        if frame != "body":
            x = x * (1 - 0.10 * abs(self.turn) * (depth > 0)) + self.turn * depth
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
