"""All numbers of one photo: measured once, kept as JSON, judged elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np
from PIL import Image

from ...sentences import from_json, to_json
from .blocks import blockiness
from .exposure import Exposure, FaceLight, exposure, face_light
from .faces import Face, FaceFinder
from .fingerprint import SIDE, fingerprint
from .framing import framing, pose, yaw
from .layout import Layout, layout
from .scene import background, clothes
from .sharpness import edge_blur
from .source import SourceFacts, source_facts
from .thresholds import limit

__all__ = ["MEASURES_VERSION", "Measures", "SourceFacts", "measure", "source_facts"]

MEASURES_VERSION = 1
"""Counts up whenever a number would come out differently, so that what is kept is measured again."""
_SMALL = 256
"""Pixels on the long side of the copy that colours and light are measured on."""
_LARGEST = 1e9
"""What is measured is far below; what is no number or has no end is not."""
_LEAST_FACE = 24
"""Pixels below which the sharpness of a face can't be told."""


@dataclass(frozen=True, kw_only=True)
class Measures:
    """What was measured; None is what could not be, which is never the same as fine."""

    version: int = MEASURES_VERSION
    width: int
    """Pixels of the working image."""
    height: int
    source: SourceFacts
    blur: float | None
    """Width of the sharpest edges in pixels, at a long side of 1024 at most: 0 is sharp. See sharpness.edge_blur."""
    moved: float | None
    """How much wider edges are in one direction than in another: high where the camera moved."""
    exposure: Exposure
    blockiness: float | None
    """Steps at the borders of 8 × 8 blocks, in grey levels. See blocks.blockiness."""
    fingerprint: str
    """Hexadecimal; for finding near duplicates."""
    layout: Layout
    face_method: str
    """yunet, haar or none."""
    faces: tuple[Face, ...] | None
    """The largest first; None where they were not looked for."""
    face_notes: tuple[str, ...] = ()
    """Why faces could not be looked for, or not better."""
    embeds: bool = False
    """Whether persons can be compared."""
    framing: str | None = None
    """Of framing.FRAMINGS; None without a face."""
    turned: float | None = None
    """The head's yaw; None without landmarks. See framing.yaw."""
    background: tuple[int, ...]
    clothes: tuple[int, ...] | None = None
    """None without a face, or where too little of the body shows."""

    @property
    def face(self) -> Face | None:
        """The largest face."""
        return self.faces[0] if self.faces else None

    @property
    def pose(self) -> str | None:
        """Where the head is turned: framing.FRONT, LEFT or RIGHT."""
        return None if self.turned is None else pose(self.turned)

    @property
    def light(self) -> str:
        """The light in words, such as “bright, warm”."""
        return describe_light(self.exposure)

    def as_dict(self) -> dict[str, Any]:
        """As JSON, complete."""
        return {**asdict(self), "face_notes": [to_json(note) for note in self.face_notes]}

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Measures:
        """Back from JSON. Raises ValueError for another version or anything incomplete: measure again then."""
        if kept.get("version") != MEASURES_VERSION:
            raise ValueError(f"measured as version {kept.get('version')}, now {MEASURES_VERSION}")
        try:
            faces, worn = kept["faces"], kept["clothes"]
            known = cls(
                **{
                    **kept,
                    "source": SourceFacts(**kept["source"]),
                    "exposure": Exposure(**kept["exposure"]),
                    "layout": Layout(**kept["layout"]),
                    "faces": None if faces is None else tuple(_face(face) for face in faces),
                    "face_notes": tuple(from_json(note) for note in kept["face_notes"]),
                    "background": tuple(kept["background"]),
                    "clothes": None if worn is None else tuple(worn),
                }
            )
            _check(known, kept)
        except (KeyError, TypeError, AttributeError, ValueError) as problem:
            raise ValueError(f"these are no complete measurements: {problem!r}") from problem
        return known


def _check(known: Measures, kept: Mapping[str, Any]) -> None:
    """Raises ValueError unless all is there and numbers are numbers."""
    missing = {field.name for field in fields(known)} - set(kept)
    if missing:
        raise ValueError(f"without {', '.join(sorted(missing))}")
    numbers: list[Any] = [known.width, known.height, known.blur, known.moved, known.blockiness, known.turned]
    numbers += [*asdict(known.exposure).values(), *asdict(known.layout).values(), *known.background]
    numbers += [*(known.clothes or ()), *(value for face in known.faces or () for value in face.box)]
    numbers.append(known.source.jpeg_quality)
    if not all(number is None or (isinstance(number, int | float) and abs(number) < _LARGEST) for number in numbers):
        raise ValueError("a number is none")
    if len(bytes.fromhex(known.fingerprint)) != SIDE**2:
        raise ValueError("the fingerprint has another length")


def measure(image: Image.Image, source: SourceFacts, faces: FaceFinder) -> Measures:
    """Measures a working image: upright, RGB in sRGB, at most 2048 pixels on its long side."""
    grey = image.convert("L")
    pixels = np.asarray(grey)
    judged = np.asarray(_reduced(grey, int(limit("working_side"))), dtype=np.float32)
    colours = np.asarray(_reduced(image, _SMALL).convert("RGB"))
    blur, moved = edge_blur(judged)
    found = None if faces.method == "none" else tuple(_judged(face, judged, colours) for face in faces.find(image))
    main = found[0] if found else None
    return Measures(
        width=image.width,
        height=image.height,
        source=source,
        blur=blur,
        moved=moved,
        exposure=exposure(colours),
        blockiness=blockiness(pixels),
        fingerprint=fingerprint(grey),
        layout=layout(pixels),
        face_method=faces.method,
        faces=found,
        face_notes=faces.notes,
        embeds=faces.embeds,
        framing=framing(main) if main else None,
        turned=yaw(main, image.width, image.height) if main else None,
        background=tuple(background(colours, main.box if main else None)),
        clothes=_worn(colours, main),
    )


def describe_light(light: Exposure) -> str:
    """How bright and how warm the light is, in words."""
    bright = "bright" if light.median > limit("light_bright") else "medium"
    if light.median < limit("light_dim"):
        bright = "dim"
    if light.warmth > limit("light_warm"):
        return f"{bright}, warm"
    return f"{bright}, cool" if light.warmth < limit("light_cool") else f"{bright}, neutral"


def _judged(face: Face, grey: Any, colours: Any) -> Face:
    """The face with its sharpness and light."""
    cut = _cut(grey, face)
    blur = None
    if min(cut.shape) >= _LEAST_FACE:
        blur, _ = edge_blur(cut, tile=max(6, min(32, min(cut.shape) // 8)))
    patch = _cut(colours, face)
    return replace(face, blur=blur, light=face_light(patch) if min(patch.shape[:2]) >= 4 else None)


def _cut(pixels: Any, face: Face) -> Any:
    high, wide = pixels.shape[:2]
    top, left = int(face.top * high), int(face.left * wide)
    return pixels[top : top + round(face.height * high), left : left + round(face.width * wide)]


def _worn(colours: Any, face: Face | None) -> tuple[int, ...] | None:
    row = clothes(colours, face.box) if face else None
    return tuple(row) if row else None


def _reduced(image: Image.Image, long_side: int) -> Image.Image:
    scale = long_side / max(image.size)
    if scale >= 1:
        return image
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)


def _face(kept: Mapping[str, Any]) -> Face:
    marks, vector, light = kept["landmarks"], kept["embedding"], kept["light"]
    return Face(
        **{
            **kept,
            "landmarks": None if marks is None else tuple((float(x), float(y)) for x, y in marks),
            "embedding": None if vector is None else tuple(vector),
            "light": None if light is None else FaceLight(**light),
        }
    )
