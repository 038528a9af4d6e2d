"""Formats are told by content."""

from __future__ import annotations

import io

from isengard.media.pictures import picture_format
from isengard.tests.media.made import quarters


def test_formats_are_told_by_their_first_bytes() -> None:
    for kind in ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF"):
        packed = io.BytesIO()
        quarters().save(packed, format=kind)
        assert picture_format(packed.getvalue()[:64]) == kind
    for other in (b"", b"BM", b"BMW and Audi are cars, said he", b"RIFF....WAVE", b"\0\0\0\x18ftypisom", b"%PDF"):
        assert picture_format(other) is None
