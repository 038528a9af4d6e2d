"""Captions by a captioner over HTTP: begun, told live, looked at first, broken off, undone, refused with a reason."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from isengard import settings
from isengard.library import caption_runs
from isengard.library.captions import captioners
from isengard.library.captions.captioners import florence2
from isengard.library.captions.captioners.interface import CaptionRequest, CaptionResult, Readiness
from isengard.library.photos import Source, add
from isengard.library.store import Library
from isengard.tests.library.captions.test_florence2 import a_folder
from isengard.tests.library.captions.tiny_florence2 import write_tiny_florence2
from isengard.tests.web.server import Client, Server
from isengard.tests.web.streams import told
from isengard.trainer.mini import CHARACTER_DIR
from isengard.web.services import Services

API = "/isengard"
Here = TestClient[Any, Any]


class Dictation:
    """A captioner that says what it is told, when it is told; the rest is real."""

    name = "dictation"
    uses_device = True

    def __init__(self) -> None:
        self.go = threading.Semaphore(0)
        self.stopped = threading.Event()

    def ready(self) -> Readiness:
        return Readiness(True)

    def describe(self, photos: Iterable[CaptionRequest]) -> Generator[CaptionResult, None, None]:
        for number, request in enumerate(photos):
            while not self.go.acquire(timeout=0.02) and not self.stopped.is_set():
                pass
            yield CaptionResult(photo=request.photo, caption=f"{request.trigger}, number {number}")

    def stop(self) -> None:
        self.stopped.set()


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
async def ada(here: Here, services: Services) -> list[str]:
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


async def ask(here: Here, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """Status and JSON."""
    async with here.request(method, API + path, **({} if body is None else {"json": body})) as response:
        return response.status, await response.json()


async def until(here: Here, run: str, seen: Callable[[Any], bool]) -> Any:
    """Asks until a run is as wanted."""
    deadline = time.monotonic() + 60
    while not seen(found := (await ask(here, "GET", f"/captioning/{run}"))[1]):
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.02)
    return found


async def over(here: Here, run: str) -> Any:
    return await until(here, run, lambda found: found["state"] not in ("waiting", "running"))


async def captions(here: Here) -> dict[str, str]:
    _, found = await ask(here, "GET", "/characters/ada/images")
    return {photo["file"]: photo["caption"] for photo in found["photos"]}


async def test_what_was_measured_is_said_and_can_be_undone(here: Here, services: Services, ada: list[str]) -> None:
    """The captioner that needs no model: 201 with its address, events, the captions are there, and gone after undo."""
    before = await captions(here)
    body = {"captioner": "plain", "character": "ada"}
    async with here.post(f"{API}/captioning", json=body) as response:
        made = await response.json()
        assert (response.status, response.headers["Location"]) == (201, f"{API}/captioning/{made['id']}")
    done = await over(here, made["id"])
    assert (done["state"], done["total"], done["failed"], done["error"]) == ("done", 3, [], None)
    written = await captions(here)
    assert written[ada[0]] == "ohwx in a hat"
    assert {item["file"]: item["after"] for item in done["changes"]}.items() <= written.items()
    assert done["changes"]
    assert all(item["after"].startswith("ohwx woman, ") for item in done["changes"])
    heard = await told(services.hub, "captioning")
    assert [item["state"] for item in heard][-1] == "done"
    assert {item["run"] for item in heard} == {made["id"]}
    assert (await ask(here, "GET", "/captioning"))[1]["runs"][0]["undo"] == done["undo"]
    status, undone = await ask(here, "POST", "/images/captions/undo", {"undo": done["undo"]})
    assert (status, len(undone["restored"]), undone["conflicts"]) == (200, len(done["changes"]), [])
    assert await captions(here) == before


async def test_a_preview_is_looked_at_first(here: Here, dictation: Dictation, ada: list[str]) -> None:
    """Nothing is written until somebody wants it, then what was chosen, but for captions that changed meanwhile."""
    before = await captions(here)
    photos = [{"character": "ada", "file": file} for file in ada]
    body = {"captioner": "dictation", "photos": photos, "overwrite": True, "preview": True}
    dictation.go.release(10)
    _, made = await ask(here, "POST", "/captioning", body)
    done = await over(here, made["id"])
    assert (done["state"], done["total"], len(done["changes"]), done["undo"]) == ("done", 4, 4, "")
    assert done["changes"][0] == {
        "character": "ada", "file": ada[0], "before": "ohwx in a hat", "after": "ohwx, number 0",
    }  # fmt: skip
    assert await captions(here) == before
    await ask(here, "PATCH", f"/characters/ada/images/{ada[1]}", {"caption": "by hand"})
    async with here.delete(f"{API}/characters/ada/images/{ada[2]}") as response:
        assert response.status == 200
    status, written = await ask(here, "POST", f"/captioning/{made['id']}/write", {"photos": photos[:3]})
    assert (status, bool(written["undo"])) == (200, True)
    assert [item["file"] for item in written["conflicts"]] == [ada[1], ada[2]]
    assert await captions(here) == {ada[0]: "ohwx, number 0", ada[1]: "by hand", ada[3]: ""}
    status, answer = await ask(here, "POST", f"/captioning/{made['id']}/write", {})
    assert (status, answer["error"]["code"]) == (409, "CAPTIONING_STATE")


async def test_cancelling_breaks_it_off_and_keeps_what_was_said(
    here: Here, dictation: Dictation, ada: list[str]
) -> None:
    """A run that works and one that waits behind it; the first's only caption is written, and can be undone."""
    _, first = await ask(here, "POST", "/captioning", {"captioner": "dictation", "character": "ada"})
    _, second = await ask(here, "POST", "/captioning", {"captioner": "dictation", "character": "ada"})
    dictation.go.release()
    await until(here, first["id"], lambda found: found["done"] == 1)
    status, waiting = await ask(here, "POST", f"/captioning/{second['id']}/cancel")
    assert (status, waiting["state"]) == (200, "cancelled")
    status, answer = await ask(here, "POST", f"/captioning/{first['id']}/write", {})
    assert (status, answer["error"]["code"]) == (409, "CAPTIONING_STATE")
    status, cancelled = await ask(here, "POST", f"/captioning/{first['id']}/cancel")
    assert (status, cancelled["state"]) == (200, "cancelled")
    found = await captions(here)
    assert [text for text in found.values() if "number" in text] == ["ohwx, number 0"]
    status, again = await ask(here, "POST", f"/captioning/{first['id']}/cancel")
    assert (status, again) == (200, cancelled)
    assert (await ask(here, "POST", "/images/captions/undo", {"undo": cancelled["undo"]}))[0] == 200


async def test_it_waits_for_a_training(
    here: Here, services: Services, dictation: Dictation, ada: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The device is the training's; what needs no device goes on."""
    reason = ["a training is running"]
    monkeypatch.setattr(services.captioning, "_busy", lambda: reason[0])
    dictation.go.release(10)
    _, made = await ask(here, "POST", "/captioning", {"captioner": "dictation", "character": "ada"})
    found = await until(here, made["id"], lambda found: bool(found["reason"]))
    assert (found["state"], found["reason"]) == ("waiting", "a training is running")
    reason[0] = ""
    done = await over(here, made["id"])
    assert (done["state"], done["done"]) == ("done", 3)
    reason[0] = "a training is running"
    _, plain = await ask(here, "POST", "/captioning", {"captioner": "plain", "character": "ada", "overwrite": True})
    assert (await over(here, plain["id"]))["state"] == "done"


async def test_a_run_that_a_dead_server_left_can_still_be_written(
    here: Here, services: Services, ada: list[str]
) -> None:
    """What it had said by then is kept with it; damaged files are passed over."""
    library = services.library
    run = caption_runs.new("plain", [("ada", file) for file in ada[1:]], preview=False, correlation_id="c")
    run.state, run.done = "running", 1
    run.changes.append(caption_runs.CaptionChange(character="ada", file=ada[1], before="", after="ohwx, said"))
    caption_runs.save(library, run)
    for name, text in (("broken", "{"), ("newer", '{"format": 99}'), ("odd", "[]")):
        (library.root / "captioning" / f"{name}.json").write_text(text, encoding="utf-8")
    await services.captioning.start()
    _, found = await ask(here, "GET", "/captioning")
    assert [(item["id"], item["state"], item["changes"]) for item in found["runs"]] == [(run.id, "interrupted", 1)]
    status, written = await ask(here, "POST", f"/captioning/{run.id}/write", {})
    assert (status, bool(written["undo"])) == (200, True)
    assert (await captions(here))[ada[1]] == "ohwx, said"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"captioner": "plain"}, 422, "REQUEST_INVALID"),
        ({"captioner": "plain", "character": "ada", "photos": [{"character": "ada", "file": "x"}]}, 422,
         "REQUEST_INVALID"),
        ({"captioner": "plain", "character": "nobody"}, 404, "CHARACTER_MISSING"),
        ({"captioner": "plain", "photos": [{"character": "ada", "file": "none.jpg"}]}, 404, "PHOTO_MISSING"),
        ({"captioner": "plain", "photos": [{"character": "ada", "file": "../x.jpg"}]}, 422, "NAME_INVALID"),
        ({"captioner": "joy", "character": "ada"}, 404, "CAPTIONER_UNKNOWN"),
        ({"captioner": "florence2", "character": "ada"}, 422, "CAPTIONER_NOT_READY"),
    ],
)  # fmt: skip
async def test_what_can_not_be_done_is_refused_at_once(
    here: Here, ada: list[str], body: Any, status: int, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No run is made of it; without its model a captioner says what to get and where to put it."""
    monkeypatch.setattr(settings, "comfyui_path", lambda: None)
    found, answer = await ask(here, "POST", "/captioning", body)
    assert (found, answer["error"]["code"]) == (status, code)
    if code == "CAPTIONER_NOT_READY":
        assert "huggingface.co" in answer["error"]["hint"]
        assert str(settings.volume_root()) not in answer["error"]["hint"]
    assert (await ask(here, "GET", "/captioning"))[1] == {"runs": []}
    assert (await ask(here, "GET", "/captioning/none"))[1]["error"]["code"] == "CAPTIONING_MISSING"


async def test_captioners_say_whether_they_are_ready(
    here: Here, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model in the library's own models folder is found, wherever the library is; no private path is told."""
    monkeypatch.setattr(settings, "comfyui_path", lambda: None)
    _, found = await ask(here, "GET", "/captioners")
    plain, florence = found["captioners"]
    assert (plain["name"], plain["ready"], plain["needs_model"]) == ("plain", True, False)
    assert (florence["name"], florence["ready"], florence["needs_model"]) == ("florence2", False, True)
    assert florence["reason"]
    assert "models" in florence["hint"]
    assert str(services.library.root.parent) not in json.dumps(found)
    a_folder(services.library.models / "Florence-2-base")
    _, found = await ask(here, "GET", "/captioners")
    assert found["captioners"][1]["ready"]


async def test_a_model_that_is_loading_is_stopped_at_once(
    here: Here, services: Services, ada: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A real process that never gets ready: cancelled, it is gone, and nothing was written."""
    program = tmp_path / "child.py"
    program.write_text("import time\ntime.sleep(600)\n", encoding="utf-8")
    monkeypatch.setattr(florence2, "_PROGRAM", program)
    a_folder(services.library.models / "Florence-2-base")
    _, made = await ask(here, "POST", "/captioning", {"captioner": "florence2", "character": "ada"})
    await until(here, made["id"], lambda found: found["state"] == "running")
    await asyncio.sleep(0.2)
    began = time.monotonic()
    await ask(here, "POST", f"/captioning/{made['id']}/cancel")
    cancelled = await over(here, made["id"])
    assert (cancelled["state"], cancelled["undo"], cancelled["error"]) == ("cancelled", "", None)
    assert time.monotonic() - began < 20


@pytest.mark.slow
def test_a_model_describes_photos_on_a_real_server(server: Server, root: Path) -> None:
    """A small, untrained Florence-2 in its own process: its words get the trigger word, and reach a page live."""
    write_tiny_florence2(root / "models" / "Florence-2-tiny")
    client: Client = server.start()
    ada = client.post("/characters/sample", {})["id"]
    photos = client.get(f"/characters/{ada}/images")["photos"][:3]
    page = client.events("/events")
    page.until(lambda event: event.kind == "hello")
    keys = [{"character": ada, "file": photo["file"]} for photo in photos]
    run = client.post("/captioning", {"captioner": "florence2", "photos": keys, "overwrite": True})
    done = client.until(f"/captioning/{run['id']}", lambda found: found["state"] not in ("waiting", "running"))
    assert (done["state"], done["done"]) == ("done", 3), done
    assert len(done["changes"]) + len(done["failed"]) == 3
    for change in done["changes"]:
        assert "ohwx" in change["after"]
    page.until(lambda event: event.kind == "captioning" and event.data["state"] == "done")
    assert server.stop() == 0


def test_runs_are_kept_and_the_oldest_go(tmp_path: Path) -> None:
    library = Library.open(tmp_path / "library")
    runs = {}
    for number in range(caption_runs.KEPT + 3):
        run = caption_runs.new("plain", [], preview=False, correlation_id="")
        run.state = "done" if number else "running"
        runs[run.id] = run
        caption_runs.save(library, run)
    caption_runs.forget(library, runs)
    assert len(runs) == caption_runs.KEPT + 1
    assert len(caption_runs.load_all(library)) == caption_runs.KEPT + 1
    library.close()
