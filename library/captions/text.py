"""What a caption is made of: one line of parts between commas, each a tag or prose. Standard library only."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

_COMMA = re.compile(r"((?:(?<!\d),|,(?!\d)|[，、،])\s*)")
"""Latin, Chinese, Japanese and Arabic commas; the one in “1,000” separates nothing."""
_INVISIBLE = "\ufeff"
_SENTENCE_END = ".!?…。！？؟"
_PROSE = re.compile(rf"[{_SENTENCE_END}](\s|$)|[。！？]")


def clean(caption: str) -> str:
    """The caption as it is stored: one line, NFC, without control characters or halves of surrogate pairs."""
    line = " ".join(unicodedata.normalize("NFC", caption).split())
    if line.isprintable():
        return line
    return "".join(sign for sign in line if unicodedata.category(sign) not in ("Cc", "Cs") and sign not in _INVISIBLE)


def tags(caption: str) -> list[str]:
    """The parts between commas, without those that are empty; a sentence without commas is one part."""
    return [part.strip() for part in pieces(caption)[::2] if part.strip()]


def key(tag: str) -> str:
    """What two spellings of one tag have in common: case, spaces and a full stop don't count."""
    return " ".join(unicodedata.normalize("NFC", tag).casefold().split()).rstrip(_SENTENCE_END).strip()


def pieces(caption: str) -> list[str]:
    """Part, comma, part, comma, …, part: joined they are the caption again."""
    return _COMMA.split(caption)


def is_prose(caption: str) -> bool:
    """Whether there are sentences in it, so that a comma may be more than a border between tags."""
    return _PROSE.search(caption) is not None


def ends_sentence(text: str) -> bool:
    """Whether a comma after this text would be wrong."""
    return text.rstrip("\"'”’»)")[-1:] in tuple(_SENTENCE_END)


def keep_parts(caption: str, wanted: Callable[[int, str], bool]) -> str:
    """The caption without the parts that aren't wanted (given their place and text) and their commas.

    What is kept is kept to the letter. A full stop that ended the caption still ends it.
    """
    split = pieces(caption)
    kept = [place for place in range(0, len(split), 2) if wanted(place // 2, split[place].strip())]
    if len(kept) * 2 - 1 == len(split):
        return caption
    text = "".join(split[place - 1] + split[place] if number else split[place] for number, place in enumerate(kept))
    text = text.strip()
    if text and ends_sentence(caption) and not ends_sentence(text):
        text += caption.rstrip()[-1]
    return text


def join(before: str, separator: str, after: str) -> str:
    """Two texts with the separator between them; none where one is empty, and no comma after a comma or a full stop."""
    if not before.strip() or not after.strip():
        return before.strip() or after.strip()
    if separator.lstrip().startswith(",") and (
        ends_sentence(before) or before.rstrip().endswith((",", "，", "、", "،"))
    ):
        return f"{before.rstrip()} {after.lstrip()}"
    return before + separator + after


def mentions(word: str, *, any_case: bool = False) -> re.Pattern[str]:
    """Finds a word or phrase that isn't a part of a longer word."""
    return re.compile(rf"(?<!\w){re.escape(word)}(?!\w)", re.IGNORECASE if any_case else 0)
