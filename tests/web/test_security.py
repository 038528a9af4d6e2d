"""Every text in every body and query of every route, and every GET: nothing outside is read, named or changed.

The routes and models are those of the API, so that a new one is tested by itself. Foreign pages, wrong content types
and names in addresses are in test_guard.py, archives in tests/library/exchange, model files in
tests/trainer/test_modelfiles.py, the nodes in tests/comfyui.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from yarl import URL

from isengard.errors import KINDS
from isengard.library import characters
from isengard.tests.library.test_gallery import add
from isengard.tests.trainer.jobs import empty_job
from isengard.tests.web.hostile import CANARY, JSON, PATHS, as_json, bodies
from isengard.tests.web.test_guard import ROUTES, address, named, tree
from isengard.web.routing import Route
from isengard.web.services import Services

Here = TestClient[Any, Any]
SECRET = "the-secret-of-somebody-else"
ENDLESS = ("/events", "/stream")
KNOWN = {"character": "ada", "characters": ["ada"], "file": "x.jpg", "name": "Eve", "generator": "diffusers"}
"""Good values for fields that are not the one that is tried."""


@pytest.fixture(autouse=True)
def canary() -> Iterator[None]:
    """What the corpus's commands would make, if one of them were run, is not there afterwards."""
    CANARY.unlink(missing_ok=True)
    yield
    assert not CANARY.exists(), "a text was run as a command"


@pytest.fixture
async def host(here: Here, services: Services, root: Path) -> Here:
    """A host with a character without photos, a job and a picture; nothing can be trained or painted in it."""
    library = services.library
    await services.run(characters.create, library, name="Ada", trigger_word="ohwx")
    empty_job(root / "jobs" / "job").cancel()
    await services.run(add, library, "somebody", "ada")
    outside = root.parent / "outside"
    (outside / "images").mkdir(parents=True)
    for name in ("secret", "secret.png", "secret.safetensors", "character.json", "config.json", "images/secret.jpg"):
        (outside / name).write_text(json.dumps({"name": SECRET}), encoding="utf-8")
    for place in ("characters", "jobs", "trash", "gallery", "undo", "loras", "guides", "generations"):
        (root / place).mkdir(exist_ok=True)
        (root / place / "link").symlink_to(outside, target_is_directory=True)
    await services.pictures.queue.make_room("nothing is painted in this test")
    return here


async def ask(host: Here, route: Route, data: bytes, *, where: str = "ada") -> tuple[int, str, Any]:
    """Sends a JSON body; gives status, text and headers."""
    target = address(route, where)
    headers = {"Content-Type": "application/json"}
    async with host.request(route.method, target, data=data, headers=headers) as answer:
        return answer.status, await answer.text(), answer.headers


def check(what: Any, status: int, text: str, headers: Any, root: Path) -> None:
    """What must hold for every answer, whatever was asked."""
    assert status < 500 or json.loads(text)["error"]["code"] != "INTERNAL", (what, text)
    assert SECRET not in text, what
    assert "root:x:0" not in text, what
    assert str(root.parent) not in text, (what, text)
    assert "Traceback" not in text, what
    assert "X-Evil" not in headers, what
    assert headers["X-Content-Type-Options"] == "nosniff", what
    if status >= 400:
        assert json.loads(text)["error"]["code"] in KINDS, what


async def test_no_text_in_a_body_leads_out(host: Here, root: Path) -> None:
    """Each text of each model in turn, as a path, a device, a link, a command, a header or markup."""
    outside = tree(root.parent / "outside")
    tried = 0
    for route in ROUTES:
        if route.body is None:
            continue
        where = "job" if "{job}" in route.path else "ada"
        for place, body in bodies(route.body, KNOWN):
            tried += 1
            what = (named(route), place, str(body)[:200])
            check(what, *await ask(host, route, as_json(body), where=where), root)
            assert tree(root.parent / "outside") == outside, what
    assert tried > 1000
    assert tree(root.parent / "outside") == outside
    assert {path.name for path in root.parent.iterdir()} <= {"outside", root.name}, "something was made outside"


async def test_no_value_of_a_query_leads_out(host: Here, root: Path) -> None:
    """Each parameter of each query in turn."""
    outside = tree(root.parent / "outside")
    for route in ROUTES:
        if route.query is None or route.path.endswith(ENDLESS):
            continue
        where = "job" if "{job}" in route.path else "ada"
        for name in route.query.model_fields:
            for value in PATHS:
                if "\ud800" in value:
                    continue  # can't stand in an address
                params = {name: value}
                async with host.request(route.method, address(route, where), params=params) as answer:
                    data = await answer.read()
                    check((named(route), params), answer.status, data.decode("utf-8", "replace"), answer.headers, root)
    assert tree(root.parent / "outside") == outside


@pytest.mark.parametrize("what", JSON)
async def test_bodies_that_are_no_json_or_wear_one_out(what: str, host: Here, root: Path) -> None:
    """Refused as unreadable or invalid on every route that takes JSON; the next request is answered."""
    for route in ROUTES:
        if route.body is None:
            continue
        where = "job" if "{job}" in route.path else "ada"
        status, text, headers = await ask(host, route, JSON[what], where=where)
        check((named(route), what), status, text, headers, root)
    assert (await host.get("/isengard/health")).status == 200


def _state(root: Path) -> dict[str, str]:
    """What the library holds, without what may be made again and what servers write of themselves."""
    passing = (".cache", "logs", ".lock", ".scratch", ".server")
    return {
        name: digest
        for name, digest in tree(root).items()
        if not any(part in passing or "sqlite" in part for part in Path(name).parts)
    }


async def test_reading_changes_nothing(host: Here, root: Path) -> None:
    """Every GET, with and without its parameters: a page that embeds our addresses as pictures can do no harm."""
    await host.get("/isengard/characters/ada/report")
    before = _state(root)
    for route in ROUTES:
        if route.method == "GET" and not route.path.endswith(ENDLESS):
            for where in ("ada", "job", "link", "nobody"):
                for query in ("", "?delete=true", "?action=delete&force=1", "?_method=DELETE"):
                    async with host.get(address(route, where) + query) as answer:
                        await answer.read()
                headers = {"X-HTTP-Method-Override": "DELETE", "X-Method-Override": "POST"}
                async with host.get(address(route, where), headers=headers) as answer:
                    await answer.read()
    assert _state(root) == before


@pytest.mark.parametrize("method", ["PUT", "TRACE", "CONNECT", "PROPFIND", "OPTIONS", "X" * 20])
async def test_other_methods_are_refused(method: str, host: Here) -> None:
    """Nothing answers to what is not in the table, and no answer names foreign pages that may read it."""
    for route in ROUTES:
        async with host.request(method, address(route, "ada")) as answer:
            assert answer.status in (400, 404, 405), (named(route), method)
            assert not [name for name in answer.headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize("name", ["", "%2E", "%2E%2E", "%2F", "*", "%20", "%00", "."])
async def test_deleting_nothing_in_particular_deletes_nothing(name: str, host: Here, root: Path) -> None:
    """The library's folders stay, whatever empty or special name a deletion is given."""
    before = _state(root)
    for route in ROUTES:
        if route.method == "DELETE":
            target = URL(str(host.make_url("/")) + address(route, name)[1:], encoded=True)
            async with host.session.delete(target) as answer:
                assert 400 <= answer.status < 500, (named(route), name)
    assert _state(root) == before


@pytest.mark.parametrize(
    "name", ["a\r\nX-Evil: 1", 'a"; filename="b.exe', "a\u2028b", "ü; x=y", "a\\b/c", "<svg onload=1>", "日本"]
)
async def test_a_name_does_not_become_a_header(name: str, host: Here) -> None:
    """A character's name stands in the archive's file name; the header stays one header."""
    async with host.post("/isengard/characters", data=as_json({"name": name}), headers={
        "Content-Type": "application/json"}) as made:  # fmt: skip
        slug = (await made.json())["id"]
        assert "X-Evil" not in made.headers
    async with host.get(f"/isengard/characters/{slug}/export") as answer:
        assert answer.status == 200
        await answer.read()
        assert "X-Evil" not in answer.headers
        disposition = answer.headers["Content-Disposition"]
        assert disposition.startswith('attachment; filename="')
        assert disposition.count('"') == 2
        assert disposition.isascii()


async def test_a_correlation_id_is_no_way_in(host: Here) -> None:
    """It comes back in a header and goes into logs and processes: only plain signs are kept."""
    for given in ("x" * 5000, "../../etc", "a b", "a;b", "<script>alert(1)</script>", "' OR 1=1 --"):
        async with host.get("/isengard/characters", headers={"X-Correlation-ID": given}) as answer:
            assert answer.headers["X-Correlation-ID"] != given
