"""A crop around the face that keeps head and shoulders."""

from __future__ import annotations

from .measures import Measures

Crop = tuple[float, float, float, float]
"""Left, top, width, height as shares of the picture's sides."""

_ABOVE, _BELOW, _BESIDE = 0.7, 1.3, 1.0
"""Room around the face in its own heights (widths at the sides): hair above, shoulders below."""
_LEAST_GAIN = 0.9
"""A crop that keeps more than this share of the picture isn't worth making."""


def face_crop(measures: Measures, width: int, height: int) -> Crop | None:
    """Head and shoulders around the largest face, inside a picture of `width` × `height` pixels.

    The crop is 4:5 where the picture has room for it. None where no face is known, or where the crop would be nearly
    the whole picture.
    """
    face = measures.face
    if face is None:
        return None
    middle = (face.left + face.width / 2) * width
    top, bottom = (face.top - _ABOVE * face.height) * height, (face.top + (1 + _BELOW) * face.height) * height
    wide = max((1 + 2 * _BESIDE) * face.width * width, (bottom - top) * 4 / 5)
    high = max(bottom - top, wide * 5 / 4)
    wide, high = min(wide, width), min(high, height)
    left = min(max(0.0, middle - wide / 2), width - wide)
    top = min(max(0.0, top), height - high)
    if wide * high > _LEAST_GAIN * width * height:
        return None
    return (round(left / width, 4), round(top / height, 4), round(wide / width, 4), round(high / height, 4))
