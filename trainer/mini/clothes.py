"""Neck, shoulders and what is worn: the part of a portrait that does not turn with the head."""

from __future__ import annotations

import random

from PIL import Image, ImageChops, ImageDraw

from .canvas import Canvas, mix, oval, shade, spline
from .palette import CLOTHES, Look, jitter
from .world import Identity, Nuisance


def draw_body(canvas: Canvas, identity: Identity, nuisance: Nuisance, look: Look, rng: random.Random) -> None:
    """Draw neck, torso and clothes."""
    colour = jitter(CLOTHES[nuisance.clothes_colour], rng, 0.05)
    dark, light = shade(colour, 0.74), mix(colour, (255, 255, 255), 0.24)
    broad = 1.34 if identity.class_word == "man" else 1.12
    neck = 0.34 if identity.class_word == "man" else 0.27
    body = canvas.body
    canvas.polygon([(-neck, 0.4), (neck, 0.4), (neck * 1.25, 1.3), (-neck * 1.25, 1.3)], shade(look.skin, 0.93), body)
    torso = [(-neck * 1.2, 1.06), (-broad * 0.72, 1.26), (-broad, 1.56), (-broad * 1.08, 3.2)]
    outline = [*torso, *((-x, y) for x, y in reversed(torso))]
    mask = canvas.mask(spline(outline, closed=True), body)
    canvas.image.paste(colour, (0, 0), mask)
    for side in (-1, 1):
        canvas.line([(side * broad * 0.72, 1.95), (side * broad * 0.66, 3.2)], dark, 0.05, body)
    kind = nuisance.clothes
    if kind == "shirt":
        canvas.polygon([(-neck * 1.1, 0.98), (neck * 1.1, 0.98), (0, 1.52)], shade(look.skin, 0.93), body)
        for side in (-1, 1):
            canvas.polygon(
                [(side * neck * 1.2, 0.98), (side * 0.02, 1.5), (side * 0.26, 1.74), (side * 0.52, 1.16)], light, body
            )
        canvas.line([(0, 1.56), (0, 3.2)], dark, 0.03, body)
        for y in (1.8, 2.12, 2.44):
            canvas.ellipse(0.0, y, 0.04, 0.04, shade(dark, 0.7), body)
    elif kind == "sweater":
        canvas.polygon(oval(0, 1.06, neck * 1.2, 0.22), shade(look.skin, 0.93), body)
        canvas.line(oval(0, 1.06, neck * 1.28, 0.25)[:13], dark, 0.09, body)
        band = mix(colour, (255, 255, 255), 0.6) if sum(colour) < 520 else shade(colour, 0.55)
        for y in (1.66, 1.92):
            stripe = Image.new("L", canvas.image.size)
            canvas.line([(-1.7, y), (0, y + 0.10), (1.7, y)], 255, 0.13, body, ImageDraw.Draw(stripe))
            canvas.image.paste(band, (0, 0), ImageChops.multiply(stripe, mask))
    elif kind == "turtleneck":
        canvas.polygon(
            [(-neck * 1.16, 0.74), (neck * 1.16, 0.74), (neck * 1.32, 1.24), (-neck * 1.32, 1.24)], colour, body
        )
        canvas.line([(-neck * 1.16, 0.80), (0, 0.88), (neck * 1.16, 0.80)], light, 0.07, body)
        canvas.line([(-neck * 1.3, 1.2), (0, 1.3), (neck * 1.3, 1.2)], dark, 0.05, body)
    elif kind == "hoodie":
        hood = [
            (-0.3, 1.0),
            (-0.66, 0.92),
            (-0.72, 1.24),
            (-0.2, 1.66),
            (0, 1.74),
            (0.2, 1.66),
            (0.72, 1.24),
            (0.66, 0.92),
            (0.3, 1.0),
        ]
        canvas.polygon(spline([*hood, (0.0, 1.42)], closed=True), dark, body)
        canvas.polygon([(-neck * 1.05, 0.98), (neck * 1.05, 0.98), (0, 1.46)], shade(look.skin, 0.93), body)
        for side in (-1, 1):
            canvas.line([(side * 0.2, 1.5), (side * 0.22, 2.05)], (240, 240, 238), 0.05, body)
    else:
        inner = (246, 246, 244) if sum(colour) < 600 else (84, 88, 100)
        canvas.polygon([(-neck * 1.25, 1.0), (neck * 1.25, 1.0), (0.14, 3.2), (-0.14, 3.2)], inner, body)
        canvas.polygon(oval(0, 1.0, neck * 1.1, 0.2), shade(look.skin, 0.93), body)
        for side in (-1, 1):
            canvas.polygon(
                [(side * neck * 1.2, 0.98), (side * 0.54, 1.2), (side * 0.46, 1.72), (side * 0.1, 2.7)], dark, body
            )
    chin = canvas.mask(
        spline([(-neck * 1.1, 0.5), (neck * 1.1, 0.5), (neck * 1.0, 0.98), (0, 1.1), (-neck * 1.0, 0.98)], closed=True),
        body,
    )
    if kind != "turtleneck":
        canvas.image.paste(look.skin_dark, (0, 0), chin.point(lambda v: int(v * 0.75)))
