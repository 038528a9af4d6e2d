"""Photos as tests of the library give them, and what is refused."""

from __future__ import annotations

import pytest
from PIL import Image

from isengard.errors import IsengardError
from isengard.library import photos
from isengard.library.photos import Source
from isengard.library.store import Library

GPS = {1: "N", 2: (52.0, 30.0, 0.0), 3: "E", 4: (13.0, 24.0, 0.0)}


def exif(orientation: int = 1) -> Image.Exif:
    found = Image.Exif()
    found[0x0112] = orientation
    found[0x010F] = "SecretCam"
    found[0x0110] = "Model X"
    found.get_ifd(0x8825).update(GPS)
    found.get_ifd(0x8769)[0x9003] = "2024:05:06 07:08:09"
    return found


def added(library: Library, slug: str, *sources: Source) -> list[str]:
    """Adds photos, all of which must be taken."""
    found = list(photos.add(library, slug, sources))
    assert not [item.error for item in found if item.error]
    return [item.file for item in found]


def working(library: Library, slug: str, file: str) -> Image.Image:
    path = library.folder(slug).find_image(file)
    assert path is not None
    with Image.open(path) as image:
        image.load()
        return image


def refused(code: str, action: object, *args: object, **values: object) -> IsengardError:
    with pytest.raises(IsengardError) as caught:
        action(*args, **values)  # type: ignore[operator]
    assert caught.value.code == code
    return caught.value
