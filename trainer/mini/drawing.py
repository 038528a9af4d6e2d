"""Draws a portrait of an `Identity` under a `Nuisance`: flat illustration with soft shading, at any canvas size.

Everything is measured in units of half a head's height around the face's middle; `Canvas` turns, scales and places
it. Shapes are drawn three times too large with Pillow and reduced, which is what makes edges smooth.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from . import hair
from .canvas import OVERSAMPLING, Canvas, Colour, Point, mix, oval, picture_rng, shade, spline
from .clothes import draw_body
from .features import draw_beard, draw_brows, draw_eyes, draw_marks, draw_mouth, draw_nose, eye_place
from .palette import BACKGROUND, Look, jitter
from .world import Identity, Nuisance


def render(identity: Identity, nuisance: Nuisance, width: int, height: int) -> Image.Image:
    """Draw one picture in RGB. The same arguments give the same pixels with the same Pillow."""
    rng = picture_rng(nuisance)
    canvas = Canvas(width, height, nuisance, rng)
    look = Look(identity)
    _background(canvas, nuisance, rng)
    hair.draw_behind(canvas, identity, look.hair)
    draw_body(canvas, identity, nuisance, look, rng)
    _head(canvas, identity, nuisance, look)
    _features(canvas, identity, nuisance, look)
    hair.draw_front(canvas, identity, look.hair)
    if identity.glasses != "none":
        _glasses(canvas, identity)
    return _lit(canvas, nuisance)


def _background(canvas: Canvas, nuisance: Nuisance, rng: random.Random) -> None:
    colour = jitter(BACKGROUND[nuisance.background_colour], rng, 0.05)
    w, h = canvas.image.size
    canvas.image.paste(colour, (0, 0, w, h))
    other = mix(colour, (255, 255, 255), 0.36) if sum(colour) < 560 else shade(colour, 0.80)
    unit = math.sqrt(w * h)
    if nuisance.background == "gradient":
        ramp = Image.linear_gradient("L").resize((w, h))
        canvas.image.paste(mix(shade(colour, 0.62), colour, 0.1), (0, 0), ramp)
    elif nuisance.background == "striped":
        step = unit * 0.25
        for i in range(int((w + h) / step) + 2):
            x = i * step
            canvas.draw.polygon([(x, 0), (x + step / 2, 0), (x + step / 2 - h * 0.4, h), (x - h * 0.4, h)], fill=other)
    elif nuisance.background == "dotted":
        step, r = unit * 0.25, unit * 0.06
        for row in range(-1, int(h / step) + 2):
            for column in range(-1, int(w / step) + 2):
                x, y = (column + (0.75 if row % 2 else 0.25)) * step, (row + 0.25) * step
                canvas.draw.ellipse((x - r, y - r, x + r, y + r), fill=other)
    else:
        glow = Image.radial_gradient("L").resize((w * 2, h * 2)).crop((w // 2, h // 2, w // 2 + w, h // 2 + h))
        canvas.image.paste(shade(colour, 0.84), (0, 0), glow.point(lambda v: int(v * 0.6)))


def face_outline(identity: Identity) -> list[Point]:
    """The head's outline, clockwise from the crown."""
    w = 0.60 + 0.20 * identity.face_width
    jaw = w * (0.58 + 0.38 * identity.jaw)
    chin = 0.84 + 0.22 * identity.chin
    tip = 0.12 + 0.26 * identity.jaw
    half = [
        (0.0, -1.0),
        (w * 0.62, -0.88),
        (w * 0.96, -0.5),
        (w, -0.05),
        (w * 0.97, 0.25),
        (jaw, 0.62),
        (tip, chin - 0.02),
    ]
    return [*half, (0.0, chin), *((-x, y) for x, y in reversed(half[1:]))]


def _head(canvas: Canvas, identity: Identity, nuisance: Nuisance, look: Look) -> None:
    w = 0.60 + 0.20 * identity.face_width
    for side in (-1, 1):
        canvas.ellipse(side * (w + 0.03), 0.08, 0.13, 0.21, shade(look.skin, 0.95), depth=-0.1)
        canvas.ellipse(side * (w + 0.04), 0.09, 0.07, 0.13, look.skin_dark, depth=-0.1)
    mask = canvas.mask(spline(face_outline(identity), closed=True))
    canvas.head_mask = mask
    canvas.image.paste(look.skin, (0, 0), mask)
    step = int(canvas.scale * 0.20)
    side = {"left": -step, "front": 0, "right": step}[nuisance.light_side]
    lit = ImageChops.offset(mask, side, -int(step * (0.45 if side else 0.5)))
    shadow = ImageChops.subtract(mask, lit).filter(ImageFilter.BoxBlur(canvas.scale * 0.03))
    canvas.image.paste(look.skin_dark, (0, 0), ImageChops.multiply(shadow, mask).point(lambda v: int(v * 0.62)))
    cheeks = Image.new("L", canvas.image.size)
    pen = ImageDraw.Draw(cheeks)
    for s in (-1, 1):
        canvas.ellipse(s * w * 0.62, 0.30, 0.19, 0.13, 150, draw=pen)
    cheeks = cheeks.filter(ImageFilter.BoxBlur(canvas.scale * 0.06))
    canvas.image.paste(look.blush, (0, 0), ImageChops.multiply(cheeks, mask))


def _features(canvas: Canvas, identity: Identity, nuisance: Nuisance, look: Look) -> None:
    draw_beard(canvas, identity, look.hair, face_outline(identity))
    draw_marks(canvas, identity, look.skin_dark)
    draw_nose(canvas, identity, look.skin_dark, look.skin_light)
    draw_mouth(canvas, identity, nuisance.expression, look.lips, look.skin_dark)
    draw_eyes(canvas, identity, nuisance.expression, look.iris)
    draw_brows(canvas, identity, nuisance.expression, look.brow)


def _glasses(canvas: Canvas, identity: Identity) -> None:
    x, y, _ = eye_place(identity)
    frame: Colour = (40, 36, 44)
    rx = min(0.29, x - 0.04)
    for side in (-1, 1):
        if identity.glasses == "round":
            ring: Sequence[Point] = oval(side * x, y + 0.02, rx, 0.25)
        else:
            rim = [(-1, -0.75), (-0.8, -0.9), (0.8, -0.9), (1, -0.75), (0.9, 0.7), (0.7, 0.9), (-0.7, 0.9), (-0.9, 0.7)]
            ring = [(side * (x + rx * u), y + 0.02 + 0.23 * v) for u, v in rim]
        canvas.line([*ring, ring[0], ring[1]], frame, 0.05, depth=0.22)
        canvas.line(
            [(side * (x + rx), y - 0.03), (side * (0.64 + 0.2 * identity.face_width), y - 0.02)],
            frame,
            0.045,
            depth=0.08,
        )
    canvas.line([(-(x - rx), y), (0, y - 0.05), (x - rx, y)], frame, 0.045, depth=0.25)


def _lit(canvas: Canvas, nuisance: Nuisance) -> Image.Image:
    """Reduce to the asked size and light the picture: a slope of brightness from the light's side, and a tint."""
    image = canvas.image.reduce(OVERSAMPLING)
    w, h = image.size
    tints: dict[str, tuple[float, float, float]] = {
        "neutral": (1.0, 1.0, 1.0),
        "warm": (1.06, 0.97, 0.80),
        "cool": (0.87, 0.97, 1.08),
    }
    tint = tints[nuisance.light_tone]
    near, far = (1.0, 1.0) if nuisance.light_side == "front" else (1.08, 0.74)
    ramp = Image.linear_gradient("L").rotate(90).resize((w, h))
    if nuisance.light_side == "right":
        ramp = ramp.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    bright = image.point([min(255, int(v * near * t)) for t in tint for v in range(256)])
    if nuisance.light_side == "front":
        return bright
    dim = image.point([min(255, int(v * far * t)) for t in tint for v in range(256)])
    return Image.composite(dim, bright, ramp)
