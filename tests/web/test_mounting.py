"""The doors on ComfyUI's routes: a start that fails leaves nothing behind, help pages are found and nothing else is."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from isengard import log
from isengard.library.shared import the_library
from isengard.library.store import Library
from isengard.web.mounting import Surroundings, mount


@pytest.fixture
async def comfyui(root: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[TestClient]:  # type: ignore[type-arg]
    """An application that stands where ComfyUI's does, with our routes on it."""
    monkeypatch.setenv("VOLUME_ROOT", str(root))
    app, routes = web.Application(), web.RouteTableDef()
    mount(
        routes,
        Surroundings(address=lambda: "http://127.0.0.1:1", on_network=lambda: False, folder="isengard"),
    )
    app.add_routes(routes)
    written = set(logging.getLogger("isengard").handlers)
    async with TestClient(TestServer(app)) as client:
        yield client
    for handler in set(logging.getLogger("isengard").handlers) - written:
        log.stop_writing(handler)


async def code(client: TestClient) -> str:  # type: ignore[type-arg]
    async with client.get("/isengard/health") as answer:
        return str((await answer.json()).get("error", {}).get("code", "")) if answer.status != 200 else ""


async def test_a_library_that_can_not_be_opened_is_told_each_time(comfyui: TestClient, root: Path) -> None:  # type: ignore[type-arg]
    """Not as a server that runs already: the failed start has let go of the library."""
    Library.open(root)
    (root / "library.json").write_text(json.dumps({"format": 999}), encoding="utf-8")
    assert [await code(comfyui) for _ in range(3)] == ["LIBRARY_NEWER"] * 3
    (root / "library.json").write_text(json.dumps({"format": 1}), encoding="utf-8")
    assert await code(comfyui) == ""


async def test_parts_that_do_not_begin_let_go_of_the_library(comfyui: TestClient, root: Path) -> None:  # type: ignore[type-arg]
    """A file where the jobs' folder belongs; when it is gone, the next request finds a server."""
    Library.open(root)
    (root / "jobs").write_text("in the way", encoding="utf-8")
    assert [await code(comfyui) for _ in range(2)] == ["INTERNAL"] * 2
    assert the_library()._listeners == []
    (root / "jobs").unlink()
    assert await code(comfyui) == ""
    assert len(the_library()._listeners) == 1


async def test_a_node_that_sets_up_logging_does_not_end_the_servers_log(comfyui: TestClient, root: Path) -> None:  # type: ignore[type-arg]
    """Both do, whichever comes first; the other's file goes on, and no line stands there twice."""
    assert await code(comfyui) == ""
    log.get("here").warning("before")
    log.configure("info")
    log.get("here").warning("after")
    lines = (root / "logs" / "server.jsonl").read_text(encoding="utf-8").splitlines()
    assert [told for line in lines if (told := json.loads(line)["message"]) in ("before", "after")] == [
        "before", "after",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("page", "status"),
    [
        ("IsengardPrepare.md", 200),
        ("IsengardPrepare/de.md", 200),
        ("Nothing.md", 404),
        ("%00.md", 404),
        ("a" * 3000 + ".md", 404),
        ("..%2f..%2fREADME.md", 404),
        ("..%2f..%2fsettings.py", 404),
    ],
)
async def test_help_pages(comfyui: TestClient, page: str, status: int) -> None:  # type: ignore[type-arg]
    """A node's, also in other languages; no other file, and no name is a failure of the server."""
    from yarl import URL

    async with comfyui.get(URL(f"/extensions/isengard/docs/{page}", encoded=True)) as answer:
        assert answer.status == status
