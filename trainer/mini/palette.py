"""The colours of the drawn world, and those that follow from an identity."""

from __future__ import annotations

import colorsys
import random

from .canvas import Colour, mix, shade
from .world import Identity

BACKGROUND: dict[str, Colour] = {
    "white": (244, 243, 240),
    "grey": (150, 154, 160),
    "red": (200, 66, 62),
    "orange": (240, 152, 74),
    "yellow": (246, 213, 98),
    "green": (112, 176, 100),
    "teal": (62, 160, 160),
    "blue": (90, 140, 214),
    "purple": (142, 104, 190),
    "pink": (242, 168, 192),
}
CLOTHES: dict[str, Colour] = {
    "white": (238, 238, 236),
    "black": (44, 44, 52),
    "red": (186, 44, 50),
    "orange": (232, 126, 44),
    "yellow": (236, 196, 66),
    "green": (62, 136, 80),
    "blue": (52, 92, 178),
    "purple": (112, 66, 158),
    "pink": (234, 130, 166),
}
_HAIR: dict[str, tuple[Colour, Colour]] = {
    "black": ((16, 15, 20), (52, 48, 56)),
    "brown": ((66, 40, 26), (128, 84, 52)),
    "ginger": ((150, 62, 26), (216, 112, 52)),
    "blonde": ((204, 160, 84), (246, 216, 142)),
    "grey": (((112, 114, 120)), (164, 166, 172)),
    "white": ((206, 208, 214), (246, 246, 248)),
    "blue": ((34, 66, 150), (84, 138, 226)),
    "pink": ((206, 74, 132), (250, 148, 188)),
    "green": ((34, 110, 74), (104, 186, 120)),
}
_EYES: dict[str, Colour] = {
    "brown": (104, 56, 24),
    "hazel": (206, 142, 40),
    "green": (48, 158, 66),
    "blue": (40, 122, 232),
    "grey": (150, 160, 168),
    "violet": (156, 68, 208),
}
_SKIN_RAMP: tuple[Colour, ...] = (
    (76, 46, 34),
    (124, 78, 54),
    (176, 120, 84),
    (222, 170, 130),
    (246, 208, 176),
    (254, 230, 212),
)


class Look:
    """The colours that follow from an identity."""

    def __init__(self, identity: Identity) -> None:
        at = identity.skin * (len(_SKIN_RAMP) - 1)
        low = min(int(at), len(_SKIN_RAMP) - 2)
        skin = mix(_SKIN_RAMP[low], _SKIN_RAMP[low + 1], at - low)
        hue = (identity.skin_hue - 0.5) * 2
        self.skin: Colour = (
            skin[0],
            max(0, min(255, skin[1] + int(9 * hue))),
            max(0, min(255, skin[2] - int(14 * hue))),
        )
        self.skin_dark = mix(shade(self.skin, 0.78), (150, 60, 50), 0.12)
        self.skin_light = mix(self.skin, (255, 244, 230), 0.35)
        self.blush = mix(self.skin, (226, 84, 82), 0.30)
        self.lips = mix(self.skin_dark, (196, 62, 74), 0.55 if identity.class_word == "woman" else 0.22)
        dark, light = _HAIR[identity.hair_colour]
        self.hair = mix(dark, light, identity.hair_shade)
        self.brow = mix(shade(self.hair, 0.72), self.skin_dark, 0.15)
        self.iris = _EYES[identity.eye_colour]


def jitter(colour: Colour, rng: random.Random, amount: float) -> Colour:
    """A slightly other colour: `amount` is the largest relative change of saturation."""
    h, s, v = colorsys.rgb_to_hsv(*(c / 255 for c in colour))
    h = (h + rng.uniform(-1, 1) * amount * 0.06) % 1
    v = max(0.0, min(1.0, v * (1 + rng.uniform(-1, 1) * amount * 0.5)))
    r, g, b = colorsys.hsv_to_rgb(h, max(0.0, min(1.0, s * (1 + rng.uniform(-1, 1) * amount))), v)
    return int(r * 255), int(g * 255), int(b * 255)
