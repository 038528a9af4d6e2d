"""Photos to describe, and a look whether a captioner's process is left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from PIL import Image

from isengard.library.captions.captioners.interface import CaptionRequest


@pytest.fixture
def photos(tmp_path: Path) -> list[CaptionRequest]:
    """Three photos, of which the second is turned by its EXIF note."""
    colours = [(220, 40, 30), (30, 200, 60), (250, 250, 250)]
    requests = []
    for number, colour in enumerate(colours):
        picture = Image.linear_gradient("L").resize((90, 60)).convert("RGB")
        picture = Image.blend(picture, Image.new("RGB", picture.size, colour), 0.5)
        exif = Image.Exif()
        exif[0x0112] = 6 if number == 1 else 1
        picture.save(tmp_path / f"{number}.png", exif=exif)
        requests.append(
            CaptionRequest(photo=f"{number}.png", file=tmp_path / f"{number}.png", trigger="ohwx", class_word="woman")
        )
    return requests


@pytest.fixture
def no_process_is_left() -> Iterator[None]:
    """Whatever a test does: no child of it lives on."""
    before = set(psutil.Process().children(recursive=True))
    yield
    assert set(psutil.Process().children(recursive=True)) <= before
