"""How long a caption is for FLUX.1's two text encoders: an estimate, as the tokenizers themselves are large.

Held against both tokenizers in a test that runs where a ComfyUI is found.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

T5_LENGTH = 256
"""Tokens that FLUX.1 is trained with here; what is longer is cut off."""
CLIP_LENGTH = 77
"""Tokens that CLIP-L reads; it only gives a summary of the caption, so a longer one loses little."""
_UNITS = re.compile(r"[^\W\d_]+|\d+|[^\w\s]|_")


@dataclass(frozen=True)
class Length:
    """About how many tokens a caption has, start and end included."""

    t5: int
    clip: int
    read: float
    """Share of the letters that T5 has tokens for: it was made for English, German, French and Romanian."""


def estimate(caption: str) -> Length:
    """About how many tokens this is. Common English comes out within some 15 %, rare words and names vary more."""
    t5, clip, letters, read = 1.0, 2.0, 0, 0
    for unit in _UNITS.findall(caption):
        if unit.isdigit():
            t5 += 1 + len(unit) / 3
            clip += len(unit)
        elif not unit[0].isalpha():
            joins_on = unicodedata.category(unit) in ("Cf", "Mn")
            t5 += 0 if joins_on else 1.2
            clip += 1 if unit.isascii() or joins_on else 2
        elif _latin(unit):
            letters, read = letters + len(unit), read + len(unit)
            plain = unit.isascii()
            t5 += _pieces(len(unit), 6 if plain else 3.5)
            clip += _pieces(len(unit), 7 if plain else 3)
        else:
            letters += len(unit)
            t5 += 2  # a run of unknown signs is one unknown token
            clip += len(unit) * (2 if ord(unit[0]) > 0x2E80 else 1)  # Chinese, Japanese, Korean; others
    return Length(round(t5), round(clip), read / letters if letters else 1.0)


def _pieces(letters: int, size: float) -> float:
    return 1.05 if letters <= size else 1 + (letters - size) / (size / 1.5)


def _latin(word: str) -> bool:
    return word.isascii() or all("LATIN" in unicodedata.name(sign, "") for sign in word if sign.isalpha())
