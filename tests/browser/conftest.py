"""A real Chromium, a real server, and the panel as it was built; skipped with a reason where one of them is missing."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from isengard.tests.browser.panel import PACK, Panel
from isengard.tests.ports import free_port
from isengard.tests.sharing import made_once
from isengard.tests.web.server import SMALL, Client, Server, running

DIST = PACK / "web" / "dist"
_ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
"""No sandbox, as tests run as root in containers and only pages of our own server are opened; and no graphics card
that is imitated by the processor, which draws our pages cheaper without."""
_NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, for one file: while Playwright is there, no other test of the process can run a loop of its own."""
    if not (DIST / "panel.mjs").is_file():
        pytest.skip("the panel is not built: make panel (it needs Node.js 20 and npm)")
    sync_api = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: see requirements-dev.txt"
    )
    found = next((path for name in _NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no Chromium was found: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=_ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="session")
def trained_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library with the sample character, trained for some steps. To be copied, not used."""

    def make(folder: Path) -> None:
        for server in running(Server(folder / "library")):
            client = server.start()
            client.post("/characters/sample")
            client.until("/characters/ada", lambda found: found["photos"] >= 13)
            wish = {"character": "ada", "preset": "quick", "family": "mini", "settings": SMALL}
            client.state(client.post("/training", wish)["id"], "done")
            assert server.stop() == 0

    return made_once(tmp_path_factory, "trained_library", make) / "library"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """The library of a file of tests: with the trained character in it, if they ask for that."""
    library = tmp_path_factory.mktemp("browser") / "library"
    if "trained" in request.fixturenames:
        shutil.copytree(request.getfixturevalue("trained_library"), library)
    return library


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where files lie before they are added."""
    return tmp_path_factory.mktemp("files")


@pytest.fixture(scope="module")
def server(place: Path) -> Iterator[Server]:
    """A server that is not started yet."""
    yield from running(Server(place))


@pytest.fixture(scope="module")
def port(server: Server) -> int:
    """Where the server listens, also when a test starts it again."""
    server.arguments = ("--port", str(free_port()))
    return server.start().port


@pytest.fixture(scope="module")
def trained(port: int) -> Client:
    """Asks a server whose library has the sample character, trained for some steps."""
    client = Client(port)
    assert client.get("/characters/ada")["photos"] >= 13
    assert [job["state"] for job in client.get("/jobs")["jobs"]] == ["done"]
    return client


@pytest.fixture
def open_panel(browser: Any, port: int) -> Iterator[Callable[..., Panel]]:
    """`open_panel(width=…, dark=…, language=…)` opens the panel in a window of its own.

    When the test is over, nothing may have been said on a console.
    """
    with ExitStack() as stack:
        panels: list[Panel] = []

        def make(*, width: int = 1280, height: int = 860, dark: bool = True, language: str = "en") -> Panel:
            context = browser.new_context(
                viewport={"width": width, "height": height},
                color_scheme="dark" if dark else "light",
                reduced_motion="reduce",
                locale={"en": "en-GB", "de": "de-DE", "zh": "zh-CN", "ar": "ar-EG"}[language],
            )
            stack.callback(context.close)
            panel = Panel(context.new_page(), port)
            panels.append(panel)
            return panel

        yield make
        for panel in panels:
            assert panel.complaints == []
