"""Draws a portrait of an `Identity` under a `Nuisance`: flat illustration with soft shading, at any canvas size.

Everything is measured in units of half a head's height around the face's middle; `_Canvas` turns, tilts, scales and places it. Shapes are
drawn three times too large with Pillow and reduced, which is what makes edges smooth.
"""

from __future__ import annotations

import colorsys
import random
from collections.abc import Sequence

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from . import hair
from .canvas import OVERSAMPLING, Canvas, Colour, Point, mix, oval, shade, spline
from .world import Identity, Nuisance

_BACKGROUND: dict[str, Colour] = {
    "white": (244, 243, 240), "grey": (150, 154, 160), "red": (200, 66, 62), "orange": (240, 152, 74), "yellow": (246, 213, 98),
    "green": (112, 176, 100), "teal": (62, 160, 160), "blue": (90, 140, 214), "purple": (142, 104, 190), "pink": (242, 168, 192),
}  # fmt: skip
_CLOTHES: dict[str, Colour] = {
    "white": (238, 238, 236), "black": (44, 44, 52), "red": (186, 44, 50), "orange": (232, 126, 44), "yellow": (236, 196, 66),
    "green": (62, 136, 80), "blue": (52, 92, 178), "purple": (112, 66, 158), "pink": (234, 130, 166),
}  # fmt: skip
_HAIR: dict[str, tuple[Colour, Colour]] = {
    "black": ((16, 15, 20), (52, 48, 56)), "brown": ((66, 40, 26), (128, 84, 52)), "ginger": ((150, 62, 26), (216, 112, 52)),
    "blonde": ((204, 160, 84), (246, 216, 142)), "grey": (((112, 114, 120)), (164, 166, 172)), "white": ((206, 208, 214), (246, 246, 248)),
    "blue": ((34, 66, 150), (84, 138, 226)), "pink": ((206, 74, 132), (250, 148, 188)), "green": ((34, 110, 74), (104, 186, 120)),
}  # fmt: skip
_EYES: dict[str, Colour] = {
    "brown": (92, 54, 28), "hazel": (158, 112, 46), "green": (66, 146, 76), "blue": (58, 124, 214), "grey": (132, 144, 156),
    "violet": (142, 84, 190),
}  # fmt: skip
_SKIN_RAMP: tuple[Colour, ...] = ((76, 46, 34), (124, 78, 54), (176, 120, 84), (222, 170, 130), (246, 208, 176), (254, 230, 212))


def render(identity: Identity, nuisance: Nuisance, width: int, height: int) -> Image.Image:
    """Draw one picture in RGB. The same arguments give the same pixels with the same Pillow."""
    rng = random.Random(f"jitter {nuisance.jitter}")
    canvas = Canvas(width, height, nuisance, rng)
    look = _Look(identity)
    _background(canvas, nuisance, rng)
    hair.draw_behind(canvas, identity, look.hair)
    _body(canvas, identity, nuisance, look, rng)
    _head(canvas, identity, nuisance, look)
    _features(canvas, identity, nuisance, look)
    hair.draw_front(canvas, identity, look.hair)
    if identity.glasses != "none":
        _glasses(canvas, identity)
    return _lit(canvas, nuisance, rng)


class _Look:
    """The colours that follow from an identity."""

    def __init__(self, identity: Identity) -> None:
        at = identity.skin * (len(_SKIN_RAMP) - 1)
        low = min(int(at), len(_SKIN_RAMP) - 2)
        skin = mix(_SKIN_RAMP[low], _SKIN_RAMP[low + 1], at - low)
        hue = (identity.skin_hue - 0.5) * 2
        self.skin: Colour = (skin[0], max(0, min(255, skin[1] + int(9 * hue))), max(0, min(255, skin[2] - int(14 * hue))))
        self.skin_dark = mix(shade(self.skin, 0.78), (150, 60, 50), 0.12)
        self.skin_light = mix(self.skin, (255, 244, 230), 0.35)
        self.blush = mix(self.skin, (226, 84, 82), 0.30)
        self.lips = mix(self.skin_dark, (196, 62, 74), 0.55 if identity.class_word == "woman" else 0.22)
        dark, light = _HAIR[identity.hair_colour]
        self.hair = mix(dark, light, identity.hair_shade)
        self.brow = mix(shade(self.hair, 0.72), self.skin_dark, 0.15)
        self.iris = _EYES[identity.eye_colour]


def _jitter(colour: Colour, rng: random.Random, amount: float) -> Colour:
    h, s, v = colorsys.rgb_to_hsv(*(c / 255 for c in colour))
    h = (h + rng.uniform(-1, 1) * amount * 0.06) % 1
    v = max(0.0, min(1.0, v * (1 + rng.uniform(-1, 1) * amount * 0.5)))
    r, g, b = colorsys.hsv_to_rgb(h, max(0.0, min(1.0, s * (1 + rng.uniform(-1, 1) * amount))), v)
    return int(r * 255), int(g * 255), int(b * 255)


def _background(canvas: Canvas, nuisance: Nuisance, rng: random.Random) -> None:
    colour = _jitter(_BACKGROUND[nuisance.background_colour], rng, 0.12)
    w, h = canvas.image.size
    canvas.image.paste(colour, (0, 0, w, h))
    other = mix(colour, (255, 255, 255), 0.36) if sum(colour) < 560 else shade(colour, 0.80)
    unit = min(w, h)
    if nuisance.background == "gradient":
        ramp = Image.linear_gradient("L").resize((w, h))
        canvas.image.paste(mix(shade(colour, 0.62), colour, 0.1), (0, 0), ramp)
    elif nuisance.background == "striped":
        step = unit * 0.17
        start = rng.uniform(-step, 0)
        for i in range(int((w + h) / step) + 2):
            x = start + i * step
            canvas.draw.polygon([(x, 0), (x + step / 2, 0), (x + step / 2 - h * 0.4, h), (x - h * 0.4, h)], fill=other)
    elif nuisance.background == "dotted":
        step, r = unit * 0.2, unit * 0.055
        dx, dy = rng.uniform(0, step), rng.uniform(0, step)
        for row in range(-1, int(h / step) + 2):
            for column in range(-1, int(w / step) + 2):
                x = dx + (column + (0.5 if row % 2 else 0)) * step
                y = dy + row * step
                canvas.draw.ellipse((x - r, y - r, x + r, y + r), fill=other)
    else:
        glow = Image.radial_gradient("L").resize((w * 2, h * 2)).crop((w // 2, h // 2, w // 2 + w, h // 2 + h))
        canvas.image.paste(shade(colour, 0.84), (0, 0), glow.point(lambda v: int(v * 0.6)))


def _body(canvas: Canvas, identity: Identity, nuisance: Nuisance, look: _Look, rng: random.Random) -> None:
    colour = _jitter(_CLOTHES[nuisance.clothes_colour], rng, 0.10)
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
            canvas.polygon([(side * neck * 1.2, 0.98), (side * 0.02, 1.5), (side * 0.26, 1.74), (side * 0.52, 1.16)], light, body)
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
        canvas.polygon([(-neck * 1.16, 0.74), (neck * 1.16, 0.74), (neck * 1.32, 1.24), (-neck * 1.32, 1.24)], colour, body)
        canvas.line([(-neck * 1.16, 0.80), (0, 0.88), (neck * 1.16, 0.80)], light, 0.07, body)
        canvas.line([(-neck * 1.3, 1.2), (0, 1.3), (neck * 1.3, 1.2)], dark, 0.05, body)
    elif kind == "hoodie":
        hood = [(-0.3, 1.0), (-0.66, 0.92), (-0.72, 1.24), (-0.2, 1.66), (0, 1.74), (0.2, 1.66), (0.72, 1.24), (0.66, 0.92), (0.3, 1.0)]
        canvas.polygon(spline([*hood, (0.0, 1.42)], closed=True), dark, body)
        canvas.polygon([(-neck * 1.05, 0.98), (neck * 1.05, 0.98), (0, 1.46)], shade(look.skin, 0.93), body)
        for side in (-1, 1):
            canvas.line([(side * 0.2, 1.5), (side * 0.22, 2.05)], (240, 240, 238), 0.05, body)
    else:
        inner = (246, 246, 244) if sum(colour) < 600 else (84, 88, 100)
        canvas.polygon([(-neck * 1.25, 1.0), (neck * 1.25, 1.0), (0.14, 3.2), (-0.14, 3.2)], inner, body)
        canvas.polygon(oval(0, 1.0, neck * 1.1, 0.2), shade(look.skin, 0.93), body)
        for side in (-1, 1):
            canvas.polygon([(side * neck * 1.2, 0.98), (side * 0.54, 1.2), (side * 0.46, 1.72), (side * 0.1, 2.7)], dark, body)
    chin = canvas.mask(spline([(-neck * 1.1, 0.5), (neck * 1.1, 0.5), (neck * 1.0, 0.98), (0, 1.1), (-neck * 1.0, 0.98)], closed=True), body)
    if kind != "turtleneck":
        canvas.image.paste(look.skin_dark, (0, 0), chin.point(lambda v: int(v * 0.75)))


def face_outline(identity: Identity) -> list[Point]:
    """The head's outline, clockwise from the crown."""
    w = 0.60 + 0.20 * identity.face_width
    jaw = w * (0.62 + 0.32 * identity.jaw)
    chin = 0.86 + 0.18 * identity.chin
    tip = 0.14 + 0.20 * identity.jaw
    half = [(0.0, -1.0), (w * 0.62, -0.88), (w * 0.96, -0.5), (w, -0.05), (w * 0.97, 0.25), (jaw, 0.62), (tip, chin - 0.02)]
    return [*half, (0.0, chin), *((-x, y) for x, y in reversed(half[1:]))]


def _head(canvas: Canvas, identity: Identity, nuisance: Nuisance, look: _Look) -> None:
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


def eye_place(identity: Identity) -> tuple[float, float, float]:
    """Distance of an eye from the middle, height of the eyes, half an eye's width."""
    return 0.28 + 0.13 * identity.eye_spacing, 0.06, 0.145 + 0.075 * identity.eye_size


def _features(canvas: Canvas, identity: Identity, nuisance: Nuisance, look: _Look) -> None:
    from .features import draw_beard, draw_brows, draw_eyes, draw_marks, draw_mouth, draw_nose

    draw_beard(canvas, identity, look.hair, face_outline(identity))
    draw_marks(canvas, identity, look.skin_dark)
    draw_nose(canvas, identity, look.skin_dark, look.skin_light)
    draw_mouth(canvas, identity, nuisance.expression, look.lips, look.skin_dark)
    draw_eyes(canvas, identity, nuisance.expression, look.iris, look.skin_dark)
    draw_brows(canvas, identity, nuisance.expression, look.brow)


def _glasses(canvas: Canvas, identity: Identity) -> None:
    x, y, _ = eye_place(identity)
    frame: Colour = (40, 36, 44)
    rx = min(0.27, x - 0.05)
    for side in (-1, 1):
        if identity.glasses == "round":
            ring: Sequence[Point] = oval(side * x, y + 0.02, rx, 0.25)
        else:
            rim = [(-1, -0.75), (-0.8, -0.9), (0.8, -0.9), (1, -0.75), (0.9, 0.7), (0.7, 0.9), (-0.7, 0.9), (-0.9, 0.7)]
            ring = [(side * (x + rx * u), y + 0.02 + 0.23 * v) for u, v in rim]
        canvas.line([*ring, ring[0], ring[1]], frame, 0.05, depth=0.22)
        canvas.line([(side * (x + rx), y - 0.03), (side * (0.64 + 0.2 * identity.face_width), y - 0.02)], frame, 0.045, depth=0.08)
    canvas.line([(-(x - rx), y), (0, y - 0.05), (x - rx, y)], frame, 0.045, depth=0.25)


def _lit(canvas: Canvas, nuisance: Nuisance, rng: random.Random) -> Image.Image:
    """Reduce to the asked size and light the picture: a slope of brightness from the light's side, and a tint."""
    image = canvas.image.reduce(OVERSAMPLING)
    w, h = image.size
    strength = rng.uniform(0.85, 1.15)
    tints: dict[str, tuple[float, float, float]] = {"neutral": (1.0, 1.0, 1.0), "warm": (1.06, 0.97, 0.80), "cool": (0.87, 0.97, 1.08)}
    tint = tints[nuisance.light_tone]
    near, far = (1.0, 1.0) if nuisance.light_side == "front" else (1.10, 1.0 - 0.28 * strength)
    ramp = Image.linear_gradient("L").rotate(90).resize((w, h))
    if nuisance.light_side == "right":
        ramp = ramp.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    bright = image.point([min(255, int(v * near * t)) for t in tint for v in range(256)])
    if nuisance.light_side == "front":
        return bright
    dim = image.point([min(255, int(v * far * t)) for t in tint for v in range(256)])
    return Image.composite(dim, bright, ramp)


