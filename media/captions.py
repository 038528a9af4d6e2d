"""Captions: read from the text file beside a photo, with the trigger word placed. Standard library only."""

from __future__ import annotations

import re
from pathlib import Path

from ..errors import IsengardError
from .pictures import shown_name

MAX_LENGTH = 2000
"""Characters. CLIP reads 77 tokens and T5 at most 512, so what is longer is never seen."""
MAX_BYTES = 64_000
"""Read at most so much of a caption's file: even of four-byte characters it is far too long by then."""
PLACEHOLDER = re.compile(r"\{trigger\}|\[trigger\]", re.IGNORECASE)
"""Stands for the trigger word."""


def read_caption(photo: Path) -> str:
    """The text in the `.txt` file beside a photo, on one line; empty where there is none.

    Raises CAPTION_UNREADABLE for anything but UTF-8 and CAPTION_TOO_LONG, both naming the file.
    """
    path = photo.with_suffix(".txt")
    name = shown_name(path)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return ""
    except OSError as problem:
        raise IsengardError("CAPTION_UNREADABLE", f"{name} can't be read: {problem.strerror}.") from problem
    return caption_from(data, name)


def caption_from(data: bytes, name: str) -> str:
    """The text in a caption's file, on one line. Raises CAPTION_UNREADABLE and CAPTION_TOO_LONG, naming the file."""
    if len(data) > MAX_BYTES:
        raise _too_long(name, f"more than {MAX_BYTES // 1000} kB")
    try:
        text = " ".join(data.decode("utf-8-sig").split())
    except UnicodeDecodeError as problem:
        raise IsengardError("CAPTION_UNREADABLE", f"{name} is not UTF-8 text (byte {problem.start}).") from problem
    if any(ord(sign) < 32 for sign in text):
        raise IsengardError("CAPTION_UNREADABLE", f"{name} holds control characters, so it is no text.")
    if len(text) > MAX_LENGTH:
        raise _too_long(name, f"{len(text):,} characters")
    return text


def place_trigger(caption: str, trigger: str, class_word: str) -> str:
    """The caption with the trigger word in it.

    `{trigger}` and `[trigger]` are replaced. A caption that has the word already is left as it is; one that begins with
    it in another spelling gets the trigger's (elsewhere spelling counts: in “holding a rose” Rose isn't meant). Else
    the word is put in front: “ohwx, smiling”; where there is no caption, with the class word: “ohwx person”.
    """
    caption, trigger = " ".join(caption.split()), trigger.strip()
    if not caption:
        return f"{trigger} {class_word}".strip()
    filled = PLACEHOLDER.sub(lambda _: trigger, caption)
    word = _word(trigger)
    if re.search(word, filled):
        return filled
    if first := re.match(word, filled, re.IGNORECASE):
        return trigger + filled[first.end() :]
    return f"{trigger}, {filled}"


def has_trigger(caption: str, trigger: str) -> bool:
    """Whether the trigger word, or what stands for it, is in a caption: nothing has to be put in front of it."""
    word = _word(trigger)
    named = PLACEHOLDER.search(caption) or re.search(word, caption) or re.match(word, caption, re.IGNORECASE)
    return bool(trigger.strip()) and named is not None


def without_trigger(caption: str, trigger: str, class_word: str) -> str:
    """The caption as it would be for anybody of the class: “ohwx woman, smiling” becomes “woman, smiling”.

    Where the class word does not follow, it stands in: “ohwx, smiling” and “ohwx smiling” become “woman, smiling” and
    “woman smiling”. A caption without the trigger word stays as it is; as where it is placed, its spelling counts.
    """
    word, kind = _word(trigger), class_word.strip()
    if kind:
        caption = re.sub(rf"{word}\s+(?=(?i:{re.escape(kind)})(?!\w))", "", caption)
    found = re.sub(word, lambda _: kind, caption)
    return " ".join(found.split()).strip(" ,")


def _word(trigger: str) -> str:
    """A pattern for the word where it is no part of a longer one."""
    return rf"(?<!\w){re.escape(trigger.strip())}(?!\w)"


def _too_long(name: str, length: str) -> IsengardError:
    return IsengardError("CAPTION_TOO_LONG", f"{name} has {length}; at most {MAX_LENGTH:,} characters are taken.")
