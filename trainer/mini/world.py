"""The made-up world that the mini model knows: who can be drawn (`Identity`) and how a picture of them can look
(`Nuisance`).

An identity is what a LoRA must learn; a nuisance is what the prompt must keep controlling. Both are plain values that
come from a seed, so that a picture can be drawn again anywhere and a score always knows the truth.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace
from typing import Any

CLASS_WORDS = ("woman", "man")
HAIR_STYLES = ("bald", "short", "spiky", "parted", "bob", "long", "curly", "bun", "ponytail")
FRINGES = ("none", "straight", "swept")
HAIR_COLOURS = ("black", "brown", "ginger", "blonde", "grey", "white", "blue", "pink", "green")
EYE_COLOURS = ("brown", "hazel", "green", "blue", "grey", "violet")
GLASSES = ("none", "round", "square")
BEARDS = ("none", "stubble", "moustache", "full")
MARKS = ("none", "freckles", "mole", "scar")

TURNS = ("left", "ahead", "right")
EXPRESSIONS = ("neutral", "smiling", "laughing", "surprised", "sad", "angry", "sleeping")
LIGHT_SIDES = ("left", "front", "right")
LIGHT_TONES = ("neutral", "warm", "cool")
BACKGROUNDS = ("plain", "gradient", "striped", "dotted")
BACKGROUND_COLOURS = ("white", "grey", "red", "orange", "yellow", "green", "teal", "blue", "purple", "pink")
CLOTHES = ("shirt", "sweater", "hoodie", "turtleneck", "jacket")
CLOTHES_COLOURS = ("white", "black", "red", "orange", "yellow", "green", "blue", "purple", "pink")
FRAMINGS = ("close", "portrait", "wide")

IDENTITY_CATEGORIES: dict[str, tuple[str, ...]] = {
    "class_word": CLASS_WORDS,
    "hair_style": HAIR_STYLES,
    "fringe": FRINGES,
    "hair_colour": HAIR_COLOURS,
    "eye_colour": EYE_COLOURS,
    "glasses": GLASSES,
    "beard": BEARDS,
    "marks": MARKS,
}
"""Every categorical identity attribute and its values, in the order that the reader's heads use."""

IDENTITY_NUMBERS = (
    "skin",
    "skin_hue",
    "face_width",
    "jaw",
    "chin",
    "eye_size",
    "eye_spacing",
    "nose_size",
    "brow_weight",
    "mouth_width",
    "hair_shade",
    "hair_volume",
)
"""Every continuous identity attribute. All are uniform on 0..1 in the population, so one population standard deviation
is 1/sqrt(12)."""

NUMBER_STD = 1.0 / math.sqrt(12.0)
"""Population standard deviation of a uniform 0..1 attribute."""

NUISANCE_CATEGORIES: dict[str, tuple[str, ...]] = {
    "turn": TURNS,
    "expression": EXPRESSIONS,
    "light_side": LIGHT_SIDES,
    "light_tone": LIGHT_TONES,
    "background": BACKGROUNDS,
    "background_colour": BACKGROUND_COLOURS,
    "clothes": CLOTHES,
    "clothes_colour": CLOTHES_COLOURS,
    "framing": FRAMINGS,
}
"""Every nuisance attribute that a caption can name, and its values."""


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Who is drawn. Numbers are 0..1 (uniform in the population); words come from `IDENTITY_CATEGORIES`."""

    class_word: str
    hair_style: str
    fringe: str
    hair_colour: str
    eye_colour: str
    glasses: str
    beard: str
    marks: str
    skin: float
    """0 is the darkest skin, 1 the lightest."""
    skin_hue: float
    """0 is a pink undertone, 1 a golden one."""
    face_width: float
    jaw: float
    """0 is a pointed jaw, 1 a square one."""
    chin: float
    """0 is a short chin, 1 a long one."""
    eye_size: float
    eye_spacing: float
    nose_size: float
    brow_weight: float
    mouth_width: float
    hair_shade: float
    """0 is the darkest tone of the named hair colour, 1 the lightest."""
    hair_volume: float

    def __post_init__(self) -> None:
        for name, values in IDENTITY_CATEGORIES.items():
            if getattr(self, name) not in values:
                raise ValueError(f"{name} must be one of {', '.join(values)}, got {getattr(self, name)!r}")
        for name in IDENTITY_NUMBERS:
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} must be 0–1, got {getattr(self, name)}")


@dataclass(frozen=True, kw_only=True)
class Nuisance:
    """How a picture is taken: all that may change between two pictures of one identity."""

    turn: str
    expression: str
    light_side: str
    light_tone: str
    background: str
    background_colour: str
    clothes: str
    clothes_colour: str
    framing: str
    jitter: int = 0
    """Seed of the small unnamed differences: exact angle, position, colour shade."""

    def __post_init__(self) -> None:
        for name, values in NUISANCE_CATEGORIES.items():
            if getattr(self, name) not in values:
                raise ValueError(f"{name} must be one of {', '.join(values)}, got {getattr(self, name)!r}")


def sample_identity(seed: int) -> Identity:
    """A random inhabitant. The same seed gives the same one everywhere (only `random.Random` is used)."""
    rng = random.Random(f"identity {seed}")
    class_word = rng.choice(CLASS_WORDS)
    short = ("bald", "short", "spiky", "parted", "curly")
    long = ("short", "bob", "long", "curly", "bun", "ponytail", "parted")
    hair_style = rng.choice(HAIR_STYLES if rng.random() < 0.3 else short if class_word == "man" else long)
    fringe = "none" if hair_style in ("bald", "spiky") else rng.choice(FRINGES)
    beard = rng.choice(BEARDS) if class_word == "man" else "none"
    glasses = rng.choice(("none", "none", "round", "square"))
    marks = rng.choice(MARKS)
    person = Identity(
        class_word=class_word,
        hair_style=hair_style,
        fringe=fringe,
        hair_colour=rng.choices(HAIR_COLOURS, weights=(4, 4, 3, 3, 2, 2, 1.5, 1.5, 1.5))[0],
        eye_colour=rng.choice(EYE_COLOURS),
        glasses=glasses,
        beard=beard,
        marks=marks,
        **{name: rng.random() for name in IDENTITY_NUMBERS},
    )
    return _seen(person)


def _seen(person: Identity) -> Identity:
    """The same person with usual values for what can't be seen of them: nobody can read the volume of no hair."""
    return replace(person, hair_volume=0.5, fringe="none") if person.hair_style == "bald" else person


def sample_nuisance(seed: int) -> Nuisance:
    """A random way to take a picture: every value of every attribute equally likely."""
    rng = random.Random(f"nuisance {seed}")
    values = {name: rng.choice(choices) for name, choices in NUISANCE_CATEGORIES.items()}
    return Nuisance(**values, jitter=rng.randrange(1 << 30))


def near_identity(identity: Identity, seed: int) -> Identity:
    """A look-alike: same hair, colours and extras except for one or two words, and every number moved a little.

    Retrieval among such neighbours is what shows that a person was learned and not a type of person.
    """
    rng = random.Random(f"near {seed}")
    numbers = {n: min(1.0, max(0.0, getattr(identity, n) + rng.gauss(0.0, 0.25))) for n in IDENTITY_NUMBERS}
    words: dict[str, Any] = {}
    for name in rng.sample(list(IDENTITY_CATEGORIES), rng.choice((0, 1, 1, 2))):
        words[name] = rng.choice(IDENTITY_CATEGORIES[name])
    return _seen(replace(identity, **numbers, **words))
