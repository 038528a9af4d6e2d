"""Reads streams of events to their end."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from aiohttp.test_utils import TestClient

from isengard.web.hub import Hub


async def events_of(client: TestClient[Any, Any], path: str, **headers: str) -> list[tuple[str, str, dict[str, Any]]]:
    """What a stream says to its end: each event's number, kind and data."""
    found = []
    async with client.get(path, headers={**headers}) as response:
        assert response.status == 200
        assert response.content_type == "text/event-stream"
        async for block in _blocks(response):
            lines = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line and not line.startswith(":"))
            if "event" in lines:
                found.append((lines.get("id", ""), lines["event"], json.loads(lines["data"])))
    return found


async def _blocks(response: Any) -> AsyncIterator[str]:
    buffer = ""
    async for chunk in response.content.iter_any():
        buffer += chunk.decode()
        *blocks, buffer = buffer.split("\n\n")
        for block in blocks:
            yield block


async def told(hub: Hub, kind: str) -> list[dict[str, Any]]:
    """What pages were told of a kind until now."""
    chunk = await anext(hub.listen(0)) or b""
    blocks = [block.split("\n") for block in chunk.decode().split("\n\n") if block]
    return [json.loads(data.removeprefix("data: ")) for _, event, data in blocks if event == f"event: {kind}"]
