"""The page's live stream over a real connection: heartbeat, going on, slow clients, and the end."""

from __future__ import annotations

import asyncio
import json
import socket
import time

import pytest
from aiohttp.test_utils import TestClient

from isengard.web import sse
from isengard.web.services import Services

Here = TestClient  # type: ignore[type-arg]
WAIT = 240.0
"""Seconds to wait for what happens; only a hanging server needs them."""


async def lines_until(answer: object, mark: str) -> list[str]:
    """The lines of a stream up to one that holds a mark."""
    found: list[str] = []
    while mark not in (found[-1] if found else ""):
        line = await asyncio.wait_for(answer.content.readline(), WAIT)  # type: ignore[attr-defined]
        assert line, f"the stream ended before {mark!r}: {found[-6:]}"
        found.append(line.decode().rstrip("\n"))
    return found


async def test_a_page_that_comes_back_gets_what_it_missed(here: Here, services: Services) -> None:
    """A change of the library while it was away, told once, with an id that says where to go on."""
    async with here.get("/isengard/events") as first:
        assert first.content_type == "text/event-stream"
        assert "no-store" in first.headers["Cache-Control"]
        begun = await lines_until(first, "event: hello")
    number = next(line[4:] for line in begun if line.startswith("id: "))
    await here.post("/isengard/characters", json={"name": "Ada"})
    async with here.get("/isengard/events", headers={"Last-Event-ID": number}) as second:
        told = await lines_until(second, '"ada"')
    assert json.loads(told[-1][6:]) == {"characters": ["ada"]}
    async with here.get(f"/isengard/events?after={number}") as third:
        assert '"ada"' in (await lines_until(third, '"ada"'))[-1]
    async with here.get("/isengard/events", headers={"Last-Event-ID": "elsewhere-5"}) as fourth:
        await lines_until(fourth, "event: reset")


async def test_a_client_of_the_old_protocol_gets_the_same_without_chunks(here: Here, services: Services) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", here.port or 0)
    writer.write(b"GET /isengard/events HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
    while not services.hub.listeners:  # noqa: ASYNC110 (there is no event for that)
        await asyncio.sleep(0.01)
    services.hub.publish("job", {"n": 1})
    services.hub.beat()
    begun = await asyncio.wait_for(reader.readuntil(b": beat"), WAIT)
    services.close_streams()
    head, _, body = (begun + await asyncio.wait_for(reader.read(), WAIT)).partition(b"\r\n\r\n")
    writer.close()
    assert b"chunked" not in head
    assert b"\r" not in body
    assert [b"event: hello" in body, b'data: {"n":1}\n' in body, b": beat" in body, b"event: end" in body] == [True] * 4


async def test_silence_is_broken_by_a_heartbeat(here: Here, services: Services) -> None:
    async with here.get("/isengard/events") as answer:
        await lines_until(answer, "data: {}")
        services.hub.beat()
        assert (await lines_until(answer, ": beat"))[-1] == ": beat"


async def test_a_client_that_takes_nothing_is_let_go(
    here: Here, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds a bounded part of the ring's bytes, and after a while nothing at all."""
    monkeypatch.setattr(sse, "PATIENCE_SECONDS", 0.3)
    with socket.create_connection(("127.0.0.1", here.port or 0)) as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.sendall(b"GET /isengard/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        while not services.hub.listeners:  # noqa: ASYNC110 (there is no event for that)
            await asyncio.sleep(0.01)
        for _ in range(100):
            services.hub.publish("job", {"filling": "x" * 100_000})
            await asyncio.sleep(0.01)
            if not services.hub.listeners:
                break
        deadline = time.monotonic() + WAIT
        while services.hub.listeners and time.monotonic() < deadline:  # noqa: ASYNC110 (as above)
            await asyncio.sleep(0.05)
    assert services.hub.listeners == 0


async def test_when_the_server_stops_the_stream_says_so(here: Here, services: Services) -> None:
    async with here.get("/isengard/events") as answer:
        await lines_until(answer, "event: hello")
        services.close_streams()
        await lines_until(answer, "event: end")
    refused = await here.get("/isengard/characters")
    assert (refused.status, (await refused.json())["error"]["code"]) == (503, "SERVER_STOPPING")
