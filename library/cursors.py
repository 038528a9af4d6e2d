"""Where a page of a list ends, as a text that goes out with it and comes back for the next one."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

from ..errors import IsengardError
from .names import is_text

_LARGEST = 2**63
"""An index keeps no number beyond."""


def packed(place: Sequence[str | int]) -> str:
    """The values by which the list is sorted, of the last line."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def unpacked(cursor: str, count: int) -> list[Any]:
    """What `packed` was given: so many texts and numbers. Raises QUERY_INVALID for what it never gave."""
    try:
        found = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(found, list) or len(found) != count or not all(map(_is_value, found)):
            raise ValueError("it is none of ours")
    except (ValueError, RecursionError) as problem:
        raise IsengardError(
            "QUERY_INVALID", f"cursor can't be used: {problem}.", hint="Begin at the first page."
        ) from problem
    return found


def _is_value(value: Any) -> bool:
    return is_text(value) if isinstance(value, str) else isinstance(value, int) and abs(value) < _LARGEST
