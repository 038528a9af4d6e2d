"""How an event is written in a stream of server-sent events, and how often a silent stream says that it lives."""

from __future__ import annotations

import json
from typing import Any

BEAT_SECONDS = 15.0
"""After so long without an event a comment is sent: proxies close silent connections, and a dead client shows."""
BEAT = b": beat\n\n"
"""That comment."""


def encode(kind: str, data: Any, number: str | int = "") -> bytes:
    """One event. `data` becomes one line of JSON."""
    lines = [f"id: {number}"] if number != "" else []
    lines += [f"event: {kind}", f"data: {json.dumps(data, ensure_ascii=False, separators=(',', ':'), default=str)}"]
    return ("\n".join(lines) + "\n\n").encode("utf-8", "replace")
