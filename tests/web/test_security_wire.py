"""What comes over the wire to a real server: requests that are none, too large, too slow or meant for somebody else."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from isengard.library import characters
from isengard.tests.web.server import Client
from isengard.tests.web.test_guard import ROUTES, address, named
from isengard.web import parsing
from isengard.web.services import Services

Here = TestClient[Any, Any]
HOST = b"Host: 127.0.0.1\r\n"
END = b"\r\n\r\n"


PATIENCE = 240.0
"""Seconds to wait for an answer that must come; only a hanging server needs them."""


def talk(port: int, *pieces: bytes, wait: float = 4) -> bytes:
    """Sends bytes as they are and gives what comes back until the connection ends, or nothing more comes."""
    with socket.create_connection(("127.0.0.1", port), timeout=wait) as line:
        got = b""
        with contextlib.suppress(ConnectionError, TimeoutError):
            for piece in pieces:
                line.sendall(piece)
            while data := line.recv(65_536):
                got += data
                if b'"correlation_id"' in got or b"HTTP/1.1 200" in got:
                    break
        return got


def status(answer: bytes) -> int:
    """Of the first answer; 0 if the line was closed without one."""
    found = re.match(rb"HTTP/1\.\d (\d{3})", answer)
    return int(found[1]) if found else 0


WRONG = {
    "no HTTP": b"hello" + END,
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 50 + END,
    "NUL in the address": b"GET /isengard/\0characters HTTP/1.1\r\n" + HOST + b"\r\n",
    "a header line of 10 MB": b"GET /isengard/health HTTP/1.1\r\n" + HOST + b"X: " + b"x" * 10_000_000 + END,
    "a first line of 10 MB": b"GET /isengard/" + b"x" * 10_000_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "100,000 headers": b"GET /isengard/health HTTP/1.1\r\n" + HOST + b"X: 1\r\n" * 100_000 + b"\r\n",
    "a header that is folded": b"GET /isengard/characters HTTP/1.1\r\nHost: evil.example\r\n 127.0.0.1\r\n\r\n",
    "a space in a header's name": b"GET /isengard/characters HTTP/1.1\r\nHost : 127.0.0.1\r\n\r\n",
    "two hosts": b"GET /isengard/characters HTTP/1.1\r\nHost: evil.example\r\n" + HOST + b"\r\n",
    "a negative length": b"POST /isengard/characters HTTP/1.1\r\n" + HOST + b"Content-Length: -1\r\n\r\n",
    "two lengths": b"POST /isengard/characters HTTP/1.1\r\n" + HOST
    + b"Content-Length: 2\r\nContent-Length: 9\r\n\r\n{}",
    "length and chunks": b"POST /isengard/characters HTTP/1.1\r\n" + HOST
    + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /isengard/system HTTP/1.1\r\n\r\n",
    "chunks of nonsense": b"POST /isengard/characters HTTP/1.1\r\n" + HOST
    + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nx\r\n0\r\n\r\n",
    "another encoding": b"POST /isengard/characters HTTP/1.1\r\n" + HOST
    + b"Content-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00",
    "an upgrade": b"GET /isengard/events HTTP/1.1\r\nHost: evil.example\r\nConnection: Upgrade\r\n"
    b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    "somebody else's address": b"GET http://evil.example/isengard/characters HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    "a tunnel": b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "an old version without a host": b"GET /isengard/characters HTTP/1.0\r\n\r\n",
}  # fmt: skip


@pytest.mark.slow
def test_requests_that_are_none_are_refused_and_the_server_goes_on(client: Client) -> None:
    """Each gets a refusal or a closed line and never data; the next request is answered as ever."""
    for what, request in WRONG.items():
        answer = talk(client.port, request)
        assert status(answer) == 0 or 400 <= status(answer) < 500, (what, answer[:300])
        assert b'"characters"' not in answer, what
        assert b"Traceback" not in answer, what
        assert client.get("/health")["status"] == "ok", what


@pytest.mark.slow
def test_many_lines_that_say_nothing_keep_nobody_out(client: Client) -> None:
    """Two hundred connections that send half a request each."""
    lines = [socket.create_connection(("127.0.0.1", client.port), timeout=PATIENCE) for _ in range(200)]
    try:
        for number, line in enumerate(lines):
            line.sendall(b"POST /isengard/characters HTTP/1.1\r\n" + HOST + (b"X-Slow: " if number % 2 else b""))
        for _ in range(5):
            assert client.get("/health")["status"] == "ok"
        assert client.post("/characters", {"name": "Ada"}, status=201)["id"] == "ada"
    finally:
        for line in lines:
            line.close()


@pytest.mark.slow
def test_a_body_that_is_said_to_be_huge_is_not_waited_for(client: Client) -> None:
    """Refused by its length, before it is sent; an archive is limited as well."""
    for path, kind in (("/characters", "application/json"), ("/characters/import", "application/zip")):
        head = f"POST /isengard{path} HTTP/1.1\r\nContent-Type: {kind}\r\nContent-Length: {10**15}\r\n".encode()
        answer = talk(client.port, head + HOST + b"\r\n", wait=PATIENCE)
        assert status(answer) == 413, answer[:300]


async def slow(port: int, head: str, *pieces: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Begins a request and sends these pieces of its body; the rest never comes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head.encode() + END)
    for piece in pieces:
        writer.write(piece)
    await writer.drain()
    return reader, writer


async def test_a_body_that_stops_coming_is_given_up(
    here: Here, services: Services, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On every route that takes one: the place is free again, the client is told, and nothing is left behind."""
    monkeypatch.setattr(parsing, "PATIENCE", 0.2)
    await services.run(characters.create, services.library, name="Ada", trigger_word="ohwx")
    part = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\nabc'
    for route in ROUTES:
        if route.body is None and not route.upload:
            continue
        kind = route.upload or "application/json"
        boundary = "; boundary=x" if kind.startswith("multipart") else ""
        head = (
            f"{route.method} {address(route, 'ada')} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n"
            f"Content-Type: {kind}{boundary}"
        )
        reader, writer = await slow(here.port or 0, head, part if boundary else b'{"na')
        answer = await asyncio.wait_for(reader.read(4096), PATIENCE)
        writer.close()
        assert answer.startswith(b"HTTP/1.1 408"), (named(route), answer[:200])
        assert json.loads(answer.partition(END)[2])["error"]["code"] == "REQUEST_SLOW"
    async with here.get("/isengard/characters/ada/images") as listed:
        assert (await listed.json())["total"] == 0
    assert services.uploads._value == 3, "a place for uploads was kept"
    assert not [path for path in await services.run(lambda: list((root / ".scratch").glob("*"))) if path.is_dir()]


async def test_many_slow_uploads_leave_the_rest_of_the_server_quick(
    here: Here, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than there are places for uploads; lists, changes and the health answer while all of them wait."""
    monkeypatch.setattr(parsing, "PATIENCE", 3600)
    await services.run(characters.create, services.library, name="Ada", trigger_word="ohwx")
    head = (
        "POST /isengard/characters/ada/images HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n"
        "Content-Type: multipart/form-data; boundary=x"
    )
    part = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\nabc'
    lines = [await slow(here.port or 0, head, part) for _ in range(12)]
    try:
        for path in ("/health", "/characters", "/characters/ada/images", "/gallery"):
            answer = await asyncio.wait_for(here.get(f"/isengard{path}"), PATIENCE)
            assert answer.status == 200
            assert not any(reader.at_eof() or reader._buffer for reader, _ in lines), "an upload was given up"
    finally:
        for _, writer in lines:
            writer.close()
