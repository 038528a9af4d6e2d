"""Regular expressions from a person: checked before they run, and stopped when they take too long."""

from __future__ import annotations

import re
import time
from functools import lru_cache
from typing import Any

import regex  # type: ignore[import-untyped, unused-ignore]

from ...errors import IsengardError
from ...media.captions import MAX_LENGTH

MAX_PATTERN = 500
"""Characters."""
_MAX_REPEATS = 10_000
"""Product of all counts in a pattern: `((a{1000}){1000}){1000}` would take all memory while it is compiled."""
_ROOM = 16 * MAX_LENGTH
"""Characters a result may have before spaces are tidied; a replacement can multiply what it finds."""
_BRACES = re.compile(r"\{([^{}]*)\}")


def check(pattern: str, replace: str, case_sensitive: bool) -> None:
    """Raises CAPTION_PATTERN_INVALID for a pattern or a replacement that can't be used, with the place and reason."""
    _compiled(pattern, replace, case_sensitive)


def substitute(pattern: str, replace: str, case_sensitive: bool, text: str, deadline: float, photo: str) -> str:
    """The text with every match replaced; `deadline` is a moment of `time.thread_time`: computing time
    counts, as it does in the `regex` package, so that a busy machine is no reason to refuse a harmless pattern.

    Raises CAPTION_PATTERN_SLOW when that moment is reached, and CAPTION_TOO_LONG; both name the photo.
    """
    compiled = _compiled(pattern, replace, case_sensitive)
    done: list[str] = []
    at = length = 0
    try:
        for match in compiled.finditer(text, timeout=max(deadline - time.thread_time(), 0.001), concurrent=True):
            done += [text[at : match.start()], match.expand(replace)]
            length += len(done[-1]) + len(done[-2])
            at = match.end()
            if length > _ROOM:
                raise IsengardError(
                    "CAPTION_TOO_LONG",
                    f"The replacement makes the caption of {photo} longer than {_ROOM:,} characters.",
                )
            if time.thread_time() > deadline:
                raise TimeoutError
    except TimeoutError as problem:
        raise IsengardError(
            "CAPTION_PATTERN_SLOW",
            f"The pattern {pattern!r} took too long; the time ran out at the caption of {photo}.",
            photo=photo,
        ) from problem
    except MemoryError as problem:
        raise IsengardError(
            "CAPTION_PATTERN_SLOW",
            f"The pattern {pattern!r} took too much memory at the caption of {photo}.",
            photo=photo,
        ) from problem
    return "".join([*done, text[at:]])


@lru_cache(maxsize=64)
def _compiled(pattern: str, replace: str, case_sensitive: bool) -> Any:
    if not pattern:
        raise _invalid("The pattern is empty.")
    if len(pattern) > MAX_PATTERN:
        raise _invalid(f"The pattern has {len(pattern):,} characters; at most {MAX_PATTERN} are taken.")
    if _repeats(pattern) > _MAX_REPEATS:
        raise _invalid(f"The counts in {pattern!r} multiply to more than {_MAX_REPEATS:,}.")
    flags = regex.VERSION0 | (0 if case_sensitive else regex.IGNORECASE)
    try:
        compiled = regex.compile(pattern, flags)
    except (regex.error, RecursionError, OverflowError, ValueError) as problem:
        raise _invalid(f"The pattern {pattern!r} can't be read: {problem}.") from problem
    try:
        # One more alternative, which matches nothing at all: a match of the same groups to try the replacement on.
        regex.compile(f"{pattern}\n|", flags).match("", timeout=1).expand(replace)
    except (regex.error, IndexError, ValueError, TimeoutError, AttributeError) as problem:
        reason = f"The replacement {replace!r} can't be used with {pattern!r}: {problem}."
        raise _invalid(reason) from problem
    return compiled


def _repeats(pattern: str) -> int:
    product = 1
    for inside in _BRACES.findall(pattern):
        product *= max(1, *(int(number[:9]) for number in re.findall(r"[0-9]+", inside.replace(" ", ""))), 1)
    return product


def _invalid(reason: str) -> IsengardError:
    return IsengardError("CAPTION_PATTERN_INVALID", reason)
