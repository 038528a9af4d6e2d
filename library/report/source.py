"""What an uploaded file says about itself, read from its header and EXIF data without decoding a pixel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from PIL import Image

from ...errors import IsengardError
from ...media.pictures import picture_format, shown_name
from ...media.pixels import readers
from ...sentences import Said

_ORIENTATION, _MAKE, _MODEL, _SOFTWARE = 0x0112, 0x010F, 0x0110, 0x0131
_EXIF_PART, _GPS_PART = 0x8769, 0x8825
_TAKEN, _DIGITIZED, _TAKEN_OFFSET = 0x9003, 0x9004, 0x9011
_LATITUDE, _LONGITUDE = 2, 4
_TIFF_WIDTH, _TIFF_LENGTH = 0x0100, 0x0101
_LONGEST_TEXT = 100

_LUMINANCE = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55,
    14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip
"""The example luminance table of the JPEG standard (ITU-T T.81, table K.1), which encoders scale by quality."""


@dataclass(frozen=True, kw_only=True)
class SourceFacts:
    """Facts of the file as it was uploaded."""

    format: str
    """JPEG, PNG, WEBP, TIFF, BMP, GIF, AVIF or HEIC, told by content."""
    bytes: int
    width: int
    """Pixels, upright."""
    height: int
    jpeg_quality: int | None = None
    """1–100 as the usual encoders count it, estimated from the quantisation tables; None for other formats."""
    camera: str | None = None
    taken: str | None = None
    """ISO 8601; with an offset where the camera recorded one."""
    has_location: bool = False
    software: str | None = None


def source_facts(path: Path) -> SourceFacts:
    """Reads the facts; damaged EXIF data counts as absent. Raises PHOTO_UNREADABLE or PHOTO_TOO_LARGE."""
    name = shown_name(path)
    try:
        with path.open("rb") as file:
            head = file.read(64)
            formats = readers(head, name)
            file.seek(0)
            with Image.open(file, formats=formats) as image:
                return _facts(image, str(picture_format(head)), path.stat().st_size)
    except IsengardError:
        raise
    except Image.DecompressionBombError as problem:
        text = f"{name} has far more pixels than are read."
        raise IsengardError("PHOTO_TOO_LARGE", Said("photo.far_too_many_pixels", text, photo=name)) from problem
    except Exception as problem:  # readers of damaged headers raise anything, from OSError to KeyError
        text = f"{name} is damaged or cut short."
        raise IsengardError("PHOTO_UNREADABLE", Said("photo.damaged", text, photo=name)) from problem


def _facts(image: Image.Image, kind: str, length: int) -> SourceFacts:
    exif = _exif(image)
    details = _part(exif, _EXIF_PART)
    gps = _part(exif, _GPS_PART)
    width, height = _upright_size(image, exif.get(_ORIENTATION))
    return SourceFacts(
        format=kind,
        bytes=length,
        width=width,
        height=height,
        jpeg_quality=_jpeg_quality(getattr(image, "quantization", None)) if kind == "JPEG" else None,
        camera=_camera(exif),
        taken=_taken(details),
        has_location=_LATITUDE in gps and _LONGITUDE in gps,
        software=_text(exif.get(_SOFTWARE)) or _text(image.info.get("Software")),
    )


def _exif(image: Image.Image) -> Image.Exif:
    """The EXIF data, empty where they are missing or damaged."""
    try:
        if image.format == "PNG" and "exif" not in image.info:
            return Image.Exif()  # Pillow would decode the whole picture to look for them at the file's end
        exif = image.getexif()
        exif.get(_ORIENTATION)
    except Exception:  # noqa: BLE001 - parsers of damaged EXIF raise anything, and the picture is good without
        return Image.Exif()
    return exif


def _part(exif: Image.Exif, tag: int) -> Mapping[int, Any]:
    try:
        return exif.get_ifd(tag)
    except Exception:  # noqa: BLE001 - as above
        return {}


def _upright_size(image: Image.Image, orientation: object) -> tuple[int, int]:
    width, height = image.size
    tags = getattr(image, "tag_v2", {}) if image.format == "TIFF" else {}
    if tags:  # some versions of Pillow have turned a TIFF's size already, some have not
        width, height = int(tags.get(_TIFF_WIDTH, width)), int(tags.get(_TIFF_LENGTH, height))
    return (height, width) if orientation in (5, 6, 7, 8) else (width, height)


def _jpeg_quality(tables: Mapping[int, list[int]] | None) -> int | None:
    """The quality at which the standard's table, scaled as usual, comes nearest to the file's first one, by sums."""
    table = (tables or {}).get(0)
    return min(range(100, 0, -1), key=lambda quality: abs(_TABLE_SUMS[quality] - sum(table))) if table else None


def _table_sum(quality: int) -> int:
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    return sum(min(255, max(1, (step * percent + 50) // 100)) for step in _LUMINANCE)


_TABLE_SUMS = {quality: _table_sum(quality) for quality in range(1, 101)}


def _camera(exif: Image.Exif) -> str | None:
    make, model = _text(exif.get(_MAKE)), _text(exif.get(_MODEL))
    if make and model and not model.casefold().startswith(make.casefold()):
        return f"{make} {model}"
    return model or make


def _taken(details: Mapping[int, Any]) -> str | None:
    text = _text(details.get(_TAKEN)) or _text(details.get(_DIGITIZED)) or ""
    offset = _text(details.get(_TAKEN_OFFSET)) or ""
    for stamp, form in ((text + offset, "%Y:%m:%d %H:%M:%S%z"), (text, "%Y:%m:%d %H:%M:%S")):
        try:
            return datetime.strptime(stamp, form).isoformat()  # noqa: DTZ007 - most cameras record no zone
        except ValueError:
            continue
    return None


def _text(value: object) -> str | None:
    """A tag's text on one line without control characters; None where there is none."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if not isinstance(value, str):
        return None
    clean = "".join(sign if sign.isprintable() else " " for sign in value)
    return " ".join(clean.split())[:_LONGEST_TEXT] or None
