"""The seven aspect presets, and what they are in pixels for each family."""

from __future__ import annotations

ASPECTS = ("1:1", "4:3", "3:4", "3:2", "2:3", "16:9", "9:16")
"""Width to height, as people name it; the sizes are the nearest that a model does well."""

SIZES: dict[str, tuple[tuple[int, int], ...]] = {
    "flux1-dev": ((1024, 1024), (1152, 896), (896, 1152), (1216, 832), (832, 1216), (1344, 768), (768, 1344)),
    "mini": ((128, 128), (144, 112), (112, 144), (160, 96), (96, 160), (176, 96), (96, 176)),
}
"""Width and height of each preset. FLUX: about one megapixel, in multiples of 64. The embedded model: the very shapes
that it was pretrained on; at 192 pixels it loses the face and at 256 everything, so it is not asked."""
UNITS = {"flux1-dev": 16, "mini": 16}
"""Sides of a picture of a size of one's own are multiples of this."""
LARGEST = {"flux1-dev": 2048, "mini": 176}
"""The longest side that a person may ask for."""


def size_of(family: str, aspect: str) -> tuple[int, int]:
    """Width and height of a preset; both names must be known."""
    return SIZES[family][ASPECTS.index(aspect)]
