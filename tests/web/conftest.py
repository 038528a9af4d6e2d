"""A server as a process, one in this process, characters with photos, captions and a LoRA."""

from __future__ import annotations

import shutil
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from isengard import settings
from isengard.library import characters, loras
from isengard.library.captions import captioners
from isengard.library.photos import Source, add
from isengard.tests.generator.files import write_random_lora
from isengard.tests.trainer.jobs import write_photos
from isengard.tests.web.captioned import Dictation, ask
from isengard.tests.web.server import Client, Server, running
from isengard.tests.web.studio import Studio
from isengard.trainer.mini import CHARACTER_DIR
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


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA's file."""
    return write_random_lora(tmp_path_factory.mktemp("weights") / "ada_ohwx_mini_1.safetensors", "mini")


@pytest.fixture
async def studio(
    here: TestClient[Any, Any], services: Services, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Studio:
    """A host that knows no ComfyUI and no models but the embedded one."""
    monkeypatch.setenv("ISENGARD_MODE", "fast-test")
    monkeypatch.setenv("ISENGARD_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr(settings, "comfyui_path", lambda: None)
    library = services.library
    await services.run(characters.create, library, name="Ada", trigger_word="ohwx", class_word="woman")
    lora = await services.run(loras.register, library, "ada", weights, job="", step=3, family="mini")
    return Studio(here, services, lora.id)


@pytest.fixture
def dictation(monkeypatch: pytest.MonkeyPatch) -> Dictation:
    """Stands in the registry as any captioner does."""
    module = type(sys)("isengard.library.captions.captioners.dictation")
    found = Dictation()
    module.captioner = lambda model, models: found  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(captioners.NAMES, "dictation", ".dictation")
    return found


@pytest.fixture
async def ada_photos(here: TestClient[Any, Any], services: Services) -> list[str]:
    """The names of Ada's four photos, of which the first has a caption."""
    await ask(here, "POST", "/characters", {"name": "Ada", "trigger_word": "ohwx", "class_word": "woman"})
    photos = sorted(path for path in CHARACTER_DIR.iterdir() if path.suffix != ".txt")
    sources = [Source(path=path, title=path.name) for path in photos[:4]]
    added = await services.run(lambda: list(add(services.library, "ada", sources)))
    files = [item.file for item in added]
    for file in files:
        said = {"caption": "ohwx in a hat" if file == files[0] else ""}
        assert (await ask(here, "PATCH", f"/characters/ada/images/{file}", said))[0] == 200
    return files
