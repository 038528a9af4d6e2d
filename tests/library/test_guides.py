"""Guides: pictures only, told by their content, without what a camera wrote into them, for a month."""

from __future__ import annotations

import io
import os
import time

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from isengard.errors import IsengardError
from isengard.library import guides
from isengard.library.store import Library
from isengard.tests.library.flicker import coming_and_going


def picture(size: tuple[int, int] = (300, 200), kind: str = "JPEG", **options: object) -> bytes:
    """The bytes of a picture."""
    buffer = io.BytesIO()
    Image.new("RGB", size, "teal").save(buffer, format=kind, **options)
    return buffer.getvalue()


def test_a_guide_is_upright_small_enough_and_says_nothing(library: Library) -> None:
    """EXIF is heeded and dropped."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "A camera"
    guide = guides.add(library, picture((4000, 3000), exif=exif))
    with Image.open(guides.path_of(library, guide)) as image:
        assert (image.format, image.size) == ("PNG", (1500, 2000))
        assert not image.getexif()
        assert not image.info


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "PHOTO_UNREADABLE"),
        (b"<html><script>alert(1)</script>", "PHOTO_UNREADABLE"),
        (b"", "PHOTO_UNREADABLE"),
        (picture()[:200], "PHOTO_UNREADABLE"),
        (picture((30, 30)), "PHOTO_TOO_SMALL"),
        (picture(kind="PNG")[:18], "PHOTO_UNREADABLE"),
    ],
)
def test_what_is_no_picture_is_refused(library: Library, data: bytes, code: str) -> None:
    """And nothing of it stays."""
    with pytest.raises(IsengardError) as caught:
        guides.add(library, data)
    assert caught.value.code == code
    assert not list(library.root.rglob("guide-*"))


@pytest.mark.parametrize(
    "name", ["", "..", "../library", "guide-", "guide-0123456789abcdef/..", "GUIDE-0123456789abcdef"]
)
def test_only_our_names_are_guides(library: Library, name: str) -> None:
    """Whatever else is asked for is not there."""
    with pytest.raises(IsengardError) as caught:
        guides.path_of(library, name)
    assert caught.value.code == "GUIDE_MISSING"


def test_old_guides_are_cleared_away(library: Library) -> None:
    """When a new one comes."""
    old = guides.add(library, picture())
    long_ago = time.time() - guides.KEPT_SECONDS - 60
    os.utime(guides.path_of(library, old), (long_ago, long_ago))
    new = guides.add(library, picture())
    assert guides.path_of(library, new).is_file()
    with pytest.raises(IsengardError):
        guides.path_of(library, old)


def test_a_drawing_program_s_notes_do_not_stay(library: Library) -> None:
    """A PNG that needs no other change may carry a prompt or a whole workflow."""
    notes = PngInfo()
    notes.add_text("workflow", '{"nodes": "of somebody"}')
    guide = guides.add(library, picture(kind="PNG", pnginfo=notes))
    assert b"somebody" not in guides.path_of(library, guide).read_bytes()


def test_two_may_clear_away_the_same_guides(library: Library) -> None:
    """What another one has cleared away meanwhile keeps nobody from adding."""
    guides.add(library, picture())
    folder = library.root / "guides"
    for _ in coming_and_going(folder, "guide-0.png", 300, "guide-"):
        guides.clear(library)
    assert len(list(folder.iterdir())) == 1
