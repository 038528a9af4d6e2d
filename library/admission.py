"""What may be in a character's archive: names against the layout, sizes against limits, weights by their header."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from pathlib import Path

from ..media.pictures import SUFFIXES
from ..media.pixels import MAX_BYTES
from . import names
from .archives import unsafe
from .exchange import MAX_CAPTION, without_paths
from .lora_records import Lora

_JSON_BYTES = 100_000
_WEIGHTS_BYTES = 10 * 10**9
_HEADER_BYTES = 10 * 10**6
"""Of a safetensors file."""
_PICTURED = ("images", "rejected", "originals")
"""Folders for pictures."""
_OTHERS = {
    "images": {".txt": MAX_CAPTION},
    "rejected": {".txt": MAX_CAPTION},
    "records": {".json": _JSON_BYTES},
    "loras": {".json": _JSON_BYTES, ".safetensors": _WEIGHTS_BYTES},
}
"""Bytes of the other files that folders hold, by their ending."""


def most_bytes(name: str) -> int | None:
    """How large a file of that name may be; None if it has no place in a character's archive."""
    if name == "character.json":
        return _JSON_BYTES
    folder, _, file = name.partition("/")
    if not names.is_safe(file):
        return None
    suffix = Path(file).suffix
    if folder in _PICTURED and suffix.lower() in SUFFIXES:
        return MAX_BYTES
    return _OTHERS.get(folder, {}).get(suffix)  # in small letters only: by these endings importing.py knows them


def check_weights(path: Path) -> None:
    """Raises ARCHIVE_UNSAFE unless a file is safetensors: a header of bounded size whose tensors lie inside it."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        text = file.read(length) if 2 <= length <= min(size - 8, _HEADER_BYTES) else b""
    try:
        header = json.loads(text)
        spans = [value["data_offsets"] for key, value in header.items() if key != "__metadata__"]
        good = all(0 <= start <= end <= size - 8 - length for start, end in spans)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        good = False
    if not good:
        raise unsafe(f"{names.shown(path.name)} is no safetensors file.")


def tidied(lora: Lora, weights: Path, digest: str) -> Lora:
    """The record with what is true here, and nothing overlong."""
    return replace(
        lora,
        name=lora.name[:300],
        family=lora.family[:60],
        trigger_word=lora.trigger_word[:40],
        created=lora.created[:40],
        job="",
        base=without_paths(lora.base),
        sha256=digest,
        bytes=weights.stat().st_size,
    )
