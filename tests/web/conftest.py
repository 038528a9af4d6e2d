"""A server as a process, one in this process, and characters with photos."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from isengard.tests.trainer.jobs import write_photos
from isengard.tests.web.server import Client, Server, running
from isengard.web.app import make_app
from isengard.web.guard import LOOPBACK, Guard
from isengard.web.services import Services, make_services


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The library of a test."""
    return tmp_path / "library"


@pytest.fixture
def server(root: Path) -> Iterator[Server]:
    """A server that is not started yet."""
    yield from running(Server(root))


@pytest.fixture
def client(server: Server) -> Client:
    """A client of a server that runs."""
    return server.start()


@pytest.fixture
def with_photos(root: Path) -> Callable[[Client], str]:
    """Makes the character Ada and puts four small photos into her folder. Gives her id."""

    def make(client: Client) -> str:
        ada = client.post("/characters", {"name": "Ada", "trigger_word": "ohwx"})["id"]
        shutil.rmtree(root / "characters" / ada / "images", ignore_errors=True)
        write_photos(root / "characters" / ada / "images")
        return str(ada)

    return make


@pytest.fixture
def services(root: Path) -> Services:
    """Services of a library of the test's own."""
    return make_services(root)


@pytest.fixture
async def here(services: Services) -> AsyncIterator[TestClient]:  # type: ignore[type-arg]
    """The standalone host in this process; `/isengard` is not put before paths."""
    async with TestClient(TestServer(make_app(services, Guard(hosts=LOOPBACK)))) as client:
        yield client
