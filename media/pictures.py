"""Picture files told by their content, and named in messages. Standard library only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..sentences import Said

RAW_SUFFIXES = (".cr2", ".cr3", ".nef", ".arw", ".dng", ".orf", ".rw2", ".raf", ".pef")
"""Camera raw. Many are TIFF inside, where a reader finds the thumbnail only."""
SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".heic", ".heif", ".avif",
    *RAW_SUFFIXES,
)  # fmt: skip
"""Endings under which people expect a photo: such a file is reported if it is none, other files are passed over."""

SHOWN = 5
"""A message names so many files; details name all."""

_SIGNATURES = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
)
_BMP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)
"""Lengths of the header that follows a BMP file's first 14 bytes; “BM” alone also begins texts."""
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})


def picture_format(head: bytes) -> str | None:
    """JPEG, PNG, WEBP, TIFF, BMP, GIF, AVIF or HEIC from a file's first 64 bytes; None for anything else."""
    for signature, kind in _SIGNATURES:
        if head.startswith(signature):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return "BMP"
    if head[4:8] == b"ftyp":
        brands = {
            head[8:12],
            *(head[at : at + 4] for at in range(16, min(len(head), int.from_bytes(head[:4], "big")), 4)),
        }
        if brands & {b"avif", b"avis"}:
            return "AVIF"
        if brands & _HEIC_BRANDS:
            return "HEIC"
    return None


def shown_name(path: Path) -> str:
    """A file's name for messages and JSON; bytes that are no text are shown as question marks."""
    return path.name.encode("utf-8", "replace").decode("utf-8")


def listed(names: Sequence[str]) -> str:
    """A few names and how many more there are."""
    shown = ", ".join(names[:SHOWN])
    more = len(names) - SHOWN
    return Said("and_more", f"{shown} and {more} more", names=shown, n=more) if more > 0 else shown
