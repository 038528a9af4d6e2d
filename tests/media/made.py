"""Pictures that tests make."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from isengard.errors import IsengardError

RED, GREEN, BLUE, WHITE = (220, 30, 30), (30, 200, 30), (30, 30, 220), (255, 255, 255)


def quarters(size: tuple[int, int] = (240, 160)) -> Image.Image:
    """Red top left, green top right, blue bottom left, white bottom right."""
    image = Image.new("RGB", size, WHITE)
    half = (size[0] // 2, size[1] // 2)
    image.paste(RED, (0, 0, *half))
    image.paste(GREEN, (half[0], 0, size[0], half[1]))
    image.paste(BLUE, (0, half[1], half[0], size[1]))
    return image


def noise(size: tuple[int, int] = (240, 160), seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))


def save(path: Path, image: Image.Image | None = None, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    (image or quarters()).save(path, **options)  # type: ignore[arg-type]
    return path


def corners(image: Image.Image) -> list[tuple[int, ...]]:
    w, h = image.size
    return [tuple(image.getpixel(at)) for at in ((w // 4, h // 4), (3 * w // 4, h // 4), (w // 4, 3 * h // 4))]  # type: ignore[arg-type]


def near(found: object, wanted: object, by: float = 6) -> bool:
    return bool(np.abs(np.asarray(found, dtype=float) - np.asarray(wanted, dtype=float)).max() <= by)


def refused(action: Callable[[], object]) -> IsengardError:
    with pytest.raises(IsengardError) as caught:
        action()
    assert caught.value.hint
    return caught.value


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds no pixels."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
