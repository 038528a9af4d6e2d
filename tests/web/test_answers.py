"""Every answer has our headers, every error our body, whatever went wrong and whoever asks."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from isengard.errors import KINDS, IsengardError
from isengard.web.call import Call
from isengard.web.endpoint import add_routes
from isengard.web.guard import Guard
from isengard.web.models import Body
from isengard.web.routing import Routes
from isengard.web.services import Services

Here = TestClient  # type: ignore[type-arg]
JSON = {"Content-Type": "application/json"}


async def error(answer: Any, code: str) -> dict[str, Any]:
    """The error in an answer, which must be one of ours."""
    body = json.loads(await answer.text())
    assert set(body) == {"error"}
    assert {"code", "message", "hint", "correlation_id"} <= set(body["error"]), body
    assert body["error"]["code"] == code, body
    assert answer.status == KINDS[code].status
    assert answer.headers["X-Correlation-ID"] == body["error"]["correlation_id"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "private" in answer.headers["Cache-Control"]
    return dict(body["error"])


async def test_what_is_no_route_is_told_in_our_body(here: Here) -> None:
    await error(await here.get("/isengard/nothing"), "ROUTE_MISSING")
    await error(await here.get("/isengard/characters/a/b/c/d"), "ROUTE_MISSING")
    await error(await here.get("/api/isengard/nothing"), "ROUTE_MISSING")
    await error(await here.get("/elsewhere"), "ROUTE_MISSING")
    await error(await here.get("/isengard/openapi-json"), "ROUTE_MISSING")
    refused = await here.put("/isengard/characters")
    await error(refused, "METHOD_WRONG")
    assert refused.headers["Allow"] == "GET, POST"


async def test_bodies_that_are_wrong_are_told_field_by_field(here: Here) -> None:
    ask = here.post
    await error(await ask("/isengard/characters", data=b"{", headers=JSON), "REQUEST_UNREADABLE")
    found = await error(await ask("/isengard/characters", json={"name": 5, "colour": "red"}), "REQUEST_INVALID")
    assert len(found["details"]["problems"]) == 2
    await error(await ask("/isengard/characters", data="name=Ada"), "CONTENT_TYPE_WRONG")
    await error(await ask("/isengard/characters", data=b" " * 1_000_001, headers=JSON), "REQUEST_TOO_LARGE")
    await error(await here.get("/isengard/jobs?limit=0"), "REQUEST_INVALID")
    await error(await here.get("/isengard/jobs?limit=5&limit=6"), "REQUEST_INVALID")
    await error(await here.get("/isengard/jobs?colour=red"), "REQUEST_INVALID")
    await error(await here.get("/isengard/characters?colour=red"), "REQUEST_INVALID")
    await error(await here.get("/isengard/jobs?cursor=nonsense"), "REQUEST_INVALID")


async def test_a_body_without_a_length_is_limited_too(here: Here) -> None:
    async def endless() -> Any:
        for _ in range(40):
            yield b" " * 100_000

    await error(await here.post("/isengard/characters", data=endless(), headers=JSON), "REQUEST_TOO_LARGE")


async def test_a_correlation_id_goes_in_and_out(here: Here) -> None:
    given = await here.get("/isengard/characters", headers={"X-Correlation-ID": "a-good.id_123"})
    assert given.headers["X-Correlation-ID"] == "a-good.id_123"
    for bad in ("short", "x" * 65, "has spaces in it", "<script>alert(1)</script>"):
        made = await here.get("/isengard/characters", headers={"X-Correlation-ID": bad})
        assert re.fullmatch("[0-9a-f]{32}", made.headers["X-Correlation-ID"])


class Wish(Body):
    """How to fail."""

    kind: str


async def test_what_nobody_foresaw_shows_no_trace_and_no_path(services: Services, root: Path) -> None:
    """INTERNAL, and nothing of what was inside; our own errors lose the folders outside of the library."""
    routes = Routes("test")

    @routes.post("/fail")
    async def fail(call: Call, body: Wish) -> None:
        if body.kind == "ours":
            raise IsengardError("JOB_CORRUPT", f"{call.library.root}/jobs/a can't be read, nor /home/somebody/b/c.txt.")
        raise RuntimeError("secret at /home/somebody/x")

    app, table = web.Application(), web.RouteTableDef()

    async def provide(_request: web.Request) -> Services:
        return services

    add_routes(table, routes.all, "/isengard", provide, Guard())
    app.add_routes(table)
    async with TestClient(TestServer(app)) as client:
        answer = await client.post("/isengard/fail", json={"kind": "unforeseen"})
        text = await answer.text()
        await error(answer, "INTERNAL")
        assert "somebody" not in text
        assert "Traceback" not in text
        answer = await client.post("/isengard/fail", json={"kind": "ours"})
        message = (await error(answer, "JOB_CORRUPT"))["message"]
        assert message == "jobs/a can't be read, nor …/c.txt."


@pytest.mark.parametrize("problem", [IsengardError("JOB_MISSING", "It was deleted."), OSError("the disk is away")])
@pytest.mark.parametrize("length", [None, 100_000])
async def test_what_fails_on_the_way_is_broken_off(services: Services, problem: Exception, length: int | None) -> None:
    """A second answer behind half of the first would be read as its rest; nobody may take the half for the whole."""
    routes = Routes("test")

    @routes.get("/half", media="application/zip")
    async def half(call: Call) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_length = length
        await call.begin(response)
        await response.write(b"the first half")
        raise problem

    app, table = web.Application(), web.RouteTableDef()

    async def provide(_request: web.Request) -> Services:
        return services

    add_routes(table, routes.all, "/isengard", provide, Guard())
    app.add_routes(table)
    async with TestServer(app) as server:
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(b"GET /isengard/half HTTP/1.1\r\nHost: localhost\r\n\r\n")
        said = bytearray()
        with suppress(ConnectionResetError):
            while chunk := await asyncio.wait_for(reader.read(1000), 240):
                said += chunk
        writer.close()
    assert said.count(b"HTTP/1.1 ") <= 1
    assert b"JOB_MISSING" not in said
    assert b"INTERNAL" not in said


async def test_versions_of_a_character(here: Here) -> None:
    """ETag and If-Match: of two changes made from one version the second is refused."""
    made = await here.post("/isengard/characters", json={"name": "Ada", "trigger_word": "ohwx"})
    assert made.headers["Location"] == "/isengard/characters/ada"
    etag = made.headers["ETag"]
    first = await here.patch("/isengard/characters/ada", json={"notes": "one"}, headers={"If-Match": etag})
    assert first.status == 200
    second = await here.patch("/isengard/characters/ada", json={"notes": "two"}, headers={"If-Match": etag})
    await error(second, "CHARACTER_CONFLICT")
    refused = await here.delete("/isengard/characters/ada", headers={"If-Match": etag})
    await error(refused, "CHARACTER_CONFLICT")
    gone = await here.delete("/isengard/characters/ada", headers={"If-Match": first.headers["ETag"]})
    assert gone.status == 200
    await error(await here.get("/isengard/characters/ada"), "CHARACTER_MISSING")
    back = await here.post("/isengard/characters/ada/restore")
    assert (await back.json())["notes"] == "one"


@pytest.mark.parametrize("prefix", ["/isengard", "/api/isengard"])
async def test_links_stay_under_the_prefix_that_was_asked(here: Here, prefix: str) -> None:
    made = await here.post(f"{prefix}/characters", json={"name": "Ada"})
    assert made.headers["Location"] == f"{prefix}/characters/ada"
