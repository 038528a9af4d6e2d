"""Lists of words that the linter and the check of trigger words go by; each file says what is in it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_VOCABULARY = Path(__file__).parent / "vocabulary"


@cache
def words_of(name: str) -> frozenset[str]:
    """The words in `vocabulary/<name>.txt`."""
    lines = (_VOCABULARY / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())
