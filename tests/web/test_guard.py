"""Every route refuses foreign pages, foreign names and wrong bodies; paths lead nowhere. One corpus over the table."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from isengard.cli.serve import guard_for
from isengard.errors import IsengardError
from isengard.web.api import all_routes
from isengard.web.app import make_app
from isengard.web.guard import COOKIE, Guard
from isengard.web.routing import Route
from isengard.web.services import Services

Here = TestClient  # type: ignore[type-arg]
ROUTES = all_routes()
TOKEN = "a-token-of-many-characters"
FOREIGN = [
    {"Origin": "null"},
    {"Origin": "https://evil.example"},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": "file://"},
    {"Origin": "http://[broken"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"},
]
PATHS = [
    "..", "../..", "..\\..", "%2e%2e", "..%2f..%2f", "%252e%252e%252f", "/etc/passwd", "C:\\Windows", "C:x", "a\0b",
    "\\\\host\\share", "x" * 2000, "con", "nul.txt", "aux.", "ada.", "ada ", ".hidden", ".", "link",
    "ada/../ada", "ada2", "*", "~", "%00", "\u202egpj.exe", "é" * 200, "; rm -rf", "$(id)", "'\"<svg>",
]  # fmt: skip


def address(route: Route, value: str = "x") -> str:
    return "/isengard" + re.sub(r"\{\w+\}", value, route.path)


def named(route: Route) -> str:
    return f"{route.method} {route.path}"


def tree(folder: Path) -> dict[str, str]:
    """Every file below a folder with the hash of its bytes; what goes meanwhile is not there."""
    found = {}
    for path in sorted(folder.rglob("*")):
        with suppress(FileNotFoundError):
            if path.is_file():
                found[str(path.relative_to(folder))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


async def refused(answer: Any) -> str:
    """The code of a refusal, which has our body."""
    assert 400 <= answer.status < 500, (answer.status, await answer.text())
    return str((await answer.json())["error"]["code"])


async def test_foreign_pages_are_refused_everywhere(here: Here) -> None:
    """Whatever the route: another Origin, no Origin (`null`), another site."""
    for route in ROUTES:
        for headers in FOREIGN:
            answer = await here.request(route.method, address(route), headers=headers)
            assert await refused(answer) == "ORIGIN_FOREIGN", (named(route), headers)


async def test_foreign_names_are_refused_everywhere(here: Here) -> None:
    """A page whose name was made to point at this machine (DNS rebinding) gets nothing."""
    for route in ROUTES:
        for host in ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8377", ""):
            answer = await here.request(route.method, address(route), headers={"Host": host})
            assert await refused(answer) == "HOST_UNKNOWN", (named(route), host)


async def test_our_own_page_is_let_in(here: Here) -> None:
    """The same address as Origin, a navigation from elsewhere, and programs that say nothing."""
    own = f"http://127.0.0.1:{here.port}"
    for headers in ({"Origin": own}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, {},
                    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}):  # fmt: skip
        assert (await here.get("/isengard/characters", headers=headers)).status == 200, headers


async def test_json_routes_take_json_only(here: Here) -> None:
    """What a form on any page could send is refused, and a body that is too large is not read to its end."""
    for route in ROUTES:
        if route.body is None:
            continue
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/json"):
            answer = await here.request(
                route.method, address(route), data=b'{"name": "x"}', headers={"Content-Type": kind}
            )
            assert await refused(answer) == "CONTENT_TYPE_WRONG", (named(route), kind)
        large = await here.request(
            route.method, address(route), data=b" " * (route.limit + 1), headers={"Content-Type": "application/json"}
        )
        assert await refused(large) == "REQUEST_TOO_LARGE", named(route)


async def test_uploads_take_their_own_type_only(here: Here) -> None:
    await here.post("/isengard/characters", json={"name": "x"})
    for route in ROUTES:
        if route.upload:
            answer = await here.request(route.method, address(route), data=b"x", headers={"Content-Type": "text/html"})
            assert await refused(answer) == "CONTENT_TYPE_WRONG", named(route)


def test_nothing_is_changed_by_get() -> None:
    """Every route that takes a body, or is not a plain reading, has another method."""
    changing = re.compile(r"/(pause|cancel|resume|restore|order|move|empty|delete|again|undo|import|reject)$")
    reading = [route for route in ROUTES if route.method == "GET"]
    assert [named(route) for route in reading if route.body or route.upload or changing.search(route.path)] == []


def _as_it_is(value: str) -> str:
    """A value as an address may hold it: what can't stand there is encoded, dots and slashes are not."""
    return quote(value, safe="/%:;$*~.") if value not in (".", "..") else value.replace(".", "%2E")


@pytest.mark.parametrize("value", PATHS)
async def test_paths_lead_nowhere(value: str, here: Here, root: Path) -> None:
    """Names that are paths, devices, links or nonsense: an answer of ours, and nothing outside is read or changed."""
    await here.post("/isengard/characters", json={"name": "Ada"})
    await here.post("/isengard/characters", json={"name": "Ada 2"})
    outside = root.parent / "outside"
    (outside / "images").mkdir(parents=True)
    (outside / "character.json").write_text('{"name": "secret"}', encoding="utf-8")
    (root / "characters" / "link").symlink_to(outside)
    (root / "jobs").mkdir(exist_ok=True)
    (root / "jobs" / "link").symlink_to(outside)
    (outside / "config.json").write_text("{}", encoding="utf-8")
    before = tree(outside)
    for route in (route for route in ROUTES if route.parameters and "stream" not in route.path):
        for written in {quote(value, safe=""), _as_it_is(value)}:
            body = {"json": {}} if route.body else {}
            target = URL(str(here.make_url("/")) + address(route, written)[1:], encoded=True)
            answer = await here.session.request(route.method, target, **body)
            text = await answer.text()
            assert answer.status != 500 or "CORRUPT" in text, (named(route), value, text)
            assert "secret" not in text
            assert str(root.parent) not in text
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert tree(outside) == before
    assert (root / "characters").is_dir()


def addresses() -> Iterator[str]:
    yield from ("/isengard/characters", "/isengard/events", "/isengard/openapi.json", "/isengard/system")


async def test_on_the_network_a_token_is_wanted(services: Services) -> None:
    """Cookie or bearer; the way in sets the cookie once and takes the token out of the address."""
    async with TestClient(TestServer(make_app(services, Guard(token=TOKEN)))) as client:
        for path in addresses():
            assert await refused(await client.get(path)) == "TOKEN_MISSING"
            wrong = await client.get(path, headers={"Authorization": "Bearer wrong"})
            assert await refused(wrong) == "TOKEN_MISSING"
        assert (await client.get("/isengard/health")).status == 200
        assert (await client.get("/")).status == 401
        assert (await client.get("/?token=wrong")).status == 401
        bearer = await client.get("/isengard/characters", headers={"Authorization": f"Bearer {TOKEN}"})
        assert bearer.status == 200
        way_in = await client.get(f"/?token={TOKEN}", allow_redirects=False)
        assert (way_in.status, way_in.headers["Location"]) == (303, "/")
        cookie = way_in.headers["Set-Cookie"]
        assert cookie.startswith(f"{COOKIE}=")
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        given = await client.get("/isengard/characters", headers={"Cookie": f"{COOKIE}={TOKEN}"})
        assert given.status == 200


def test_listening_on_the_network_needs_a_long_token() -> None:
    for token in ("", "short"):
        with pytest.raises(IsengardError, match="TOKEN_NEEDED"):
            guard_for("0.0.0.0", token)
    assert guard_for("0.0.0.0", TOKEN).token == TOKEN
    assert guard_for("127.0.0.1", "").hosts is not None
    assert guard_for("::1", "").token == ""
