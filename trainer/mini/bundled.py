"""The bundled character "Ada": who she is, and the photos of her that come with the pack."""

from __future__ import annotations

from pathlib import Path

from .captions import caption
from .drawing import render
from .world import Identity, Nuisance

ADA = Identity(
    class_word="woman",
    hair_style="bob",
    fringe="straight",
    hair_colour="ginger",
    eye_colour="green",
    glasses="round",
    beard="none",
    marks="freckles",
    skin=0.84,
    skin_hue=0.45,
    face_width=0.40,
    jaw=0.25,
    chin=0.35,
    eye_size=0.75,
    eye_spacing=0.45,
    nose_size=0.30,
    brow_weight=0.45,
    mouth_width=0.60,
    hair_shade=0.55,
    hair_volume=0.55,
)
"""Ada, chosen by hand: no seed of pretraining draws her, so she is as new to the model as anybody's photos."""

_PHOTOS: tuple[tuple[tuple[int, int], tuple[str, ...]], ...] = (
    (
        (256, 256),
        ("ahead", "smiling", "front", "neutral", "plain", "teal", "sweater", "yellow", "portrait"),
    ),
    ((256, 256), ("left", "neutral", "left", "warm", "gradient", "orange", "shirt", "white", "portrait")),
    ((256, 256), ("right", "laughing", "front", "warm", "dotted", "yellow", "hoodie", "blue", "portrait")),
    ((224, 288), ("ahead", "smiling", "right", "neutral", "plain", "grey", "jacket", "black", "portrait")),
    ((288, 224), ("left", "surprised", "front", "neutral", "striped", "blue", "shirt", "red", "portrait")),
    ((256, 256), ("ahead", "neutral", "left", "neutral", "plain", "white", "turtleneck", "black", "close")),
    ((256, 256), ("right", "smiling", "left", "cool", "gradient", "purple", "sweater", "green", "close")),
    ((224, 288), ("left", "sad", "front", "cool", "plain", "blue", "hoodie", "purple", "portrait")),
    ((256, 256), ("ahead", "sleeping", "front", "warm", "plain", "pink", "turtleneck", "white", "portrait")),
    ((288, 224), ("right", "angry", "right", "warm", "plain", "red", "jacket", "blue", "portrait")),
    ((256, 256), ("left", "smiling", "right", "neutral", "dotted", "green", "shirt", "orange", "close")),
    ((224, 288), ("ahead", "laughing", "front", "neutral", "striped", "teal", "jacket", "red", "wide")),
    (
        (256, 256),
        ("ahead", "surprised", "left", "neutral", "gradient", "green", "sweater", "pink", "portrait"),
    ),
    ((256, 256), ("right", "neutral", "front", "neutral", "plain", "purple", "shirt", "yellow", "wide")),
)
"""Size and nuisance of every photo, in the order of `Nuisance`'s fields."""

_FIELDS = (
    "turn",
    "expression",
    "light_side",
    "light_tone",
    "background",
    "background_colour",
    "clothes",
    "clothes_colour",
    "framing",
)


def photos_of(identity: Identity, ways: list[Nuisance], sizes: list[tuple[int, int]], folder: Path) -> None:
    """Write JPEG files with a caption file beside each. Captions name the nuisance alone: the trainer adds the trigger
    word."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, (way, (width, height)) in enumerate(zip(ways, sizes, strict=True), start=1):
        name = f"photo_{index:02}"
        render(identity, way, width, height).save(folder / f"{name}.jpg", quality=93, subsampling=0)
        (folder / f"{name}.txt").write_text(caption(way) + "\n", encoding="utf-8")


def draw_character(folder: Path) -> None:
    """Draw Ada's photos again, as they are in `character/`."""
    ways = [
        Nuisance(**dict(zip(_FIELDS, values, strict=True)), jitter=index * 31 + 7)
        for index, (_, values) in enumerate(_PHOTOS)
    ]
    photos_of(ADA, ways, [size for size, _ in _PHOTOS], folder)
