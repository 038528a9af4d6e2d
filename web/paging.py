"""Cursors of lists that are sorted by text keys."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from typing import TypeVar

from ..errors import IsengardError

T = TypeVar("T")


def page(
    items: Sequence[T], key: Callable[[T], tuple[str, ...]], cursor: str, limit: int | None, *, upwards: bool = False
) -> tuple[list[T], str]:
    """The entries behind the cursor of a list sorted by `key`, downwards unless it is said, and the cursor of the next
    page. Without a limit all are on one.

    Entries that were added or taken away meanwhile move nothing. Raises REQUEST_INVALID for a cursor that is none.
    """
    if cursor:
        last = unpack(cursor)
        items = [item for item in items if (key(item) > last if upwards else key(item) < last)]
    shown = list(items[:limit])
    return shown, pack(key(shown[-1])) if len(items) > len(shown) else ""


def pack(key: tuple[str, ...]) -> str:
    """A key as text that fits into an address."""
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def unpack(cursor: str) -> tuple[str, ...]:
    """The key in a cursor."""
    try:
        found = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if isinstance(found, list) and all(isinstance(part, str) for part in found):
            return tuple(found)
    except (ValueError, RecursionError):
        pass
    raise IsengardError("REQUEST_INVALID", f"cursor: {cursor[:40]!r} is not one of ours.")
