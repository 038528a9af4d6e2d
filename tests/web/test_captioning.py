"""Captions by a captioner over HTTP: begun, told live, looked at first, broken off, undone, refused with a reason."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from isengard import settings
from isengard.library import caption_runs
from isengard.library.store import Library
from isengard.tests.web.captioned import API, Dictation, Here, ask, captions, over, until
from isengard.tests.web.server import PATIENCE
from isengard.tests.web.streams import told
from isengard.web.services import Services


async def test_what_was_measured_is_said_and_can_be_undone(
    here: Here, services: Services, ada_photos: list[str]
) -> None:
    """The captioner that needs no model: 201 with its address, events, the captions are there, and gone after undo."""
    before = await captions(here)
    body = {"captioner": "plain", "character": "ada"}
    async with here.post(f"{API}/captioning", json=body) as response:
        made = await response.json()
        assert (response.status, response.headers["Location"]) == (201, f"{API}/captioning/{made['id']}")
    done = await over(here, made["id"])
    assert (done["state"], done["total"], done["failed"], done["error"]) == ("done", 3, [], None)
    written = await captions(here)
    assert written[ada_photos[0]] == "ohwx in a hat"
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


async def test_a_preview_is_looked_at_first(here: Here, dictation: Dictation, ada_photos: list[str]) -> None:
    """Nothing is written until somebody wants it, then what was chosen, but for captions that changed meanwhile."""
    before = await captions(here)
    photos = [{"character": "ada", "file": file} for file in ada_photos]
    body = {"captioner": "dictation", "photos": photos, "overwrite": True, "preview": True}
    dictation.go.release(10)
    _, made = await ask(here, "POST", "/captioning", body)
    done = await over(here, made["id"])
    assert (done["state"], done["total"], len(done["changes"]), done["undo"]) == ("done", 4, 4, "")
    assert done["changes"][0] == {
        "character": "ada", "file": ada_photos[0], "before": "ohwx in a hat", "after": "ohwx, number 0",
    }  # fmt: skip
    assert await captions(here) == before
    await ask(here, "PATCH", f"/characters/ada/images/{ada_photos[1]}", {"caption": "by hand"})
    async with here.delete(f"{API}/characters/ada/images/{ada_photos[2]}") as response:
        assert response.status == 200
    status, written = await ask(here, "POST", f"/captioning/{made['id']}/write", {"photos": photos[:3]})
    assert (status, bool(written["undo"])) == (200, True)
    assert [item["file"] for item in written["conflicts"]] == [ada_photos[1], ada_photos[2]]
    assert await captions(here) == {ada_photos[0]: "ohwx, number 0", ada_photos[1]: "by hand", ada_photos[3]: ""}
    status, answer = await ask(here, "POST", f"/captioning/{made['id']}/write", {})
    assert (status, answer["error"]["code"]) == (409, "CAPTIONING_STATE")


async def test_cancelling_breaks_it_off_and_keeps_what_was_said(
    here: Here, dictation: Dictation, ada_photos: list[str]
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
    assert (await ask(here, "POST", f"/captioning/{first['id']}/cancel"))[0] == 200
    await over(here, first["id"])  # the answer waits for that a moment only
    status, cancelled = await ask(here, "POST", f"/captioning/{first['id']}/cancel")
    assert (status, cancelled["state"]) == (200, "cancelled")
    found = await captions(here)
    assert [text for text in found.values() if "number" in text] == ["ohwx, number 0"]
    status, again = await ask(here, "POST", f"/captioning/{first['id']}/cancel")
    assert (status, again) == (200, cancelled)
    assert (await ask(here, "POST", "/images/captions/undo", {"undo": cancelled["undo"]}))[0] == 200


async def test_it_waits_for_a_training(
    here: Here, services: Services, dictation: Dictation, ada_photos: list[str], monkeypatch: pytest.MonkeyPatch
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


async def test_a_run_that_can_not_be_kept_does_not_end_those_behind_it(
    here: Here, services: Services, dictation: Dictation, ada_photos: list[str]
) -> None:
    """A disk that goes for a moment: what was said is written, and the next run begins."""
    body = {"captioner": "dictation", "character": "ada", "overwrite": True}
    _, first = await ask(here, "POST", "/captioning", body)
    assert await asyncio.to_thread(dictation.asked.wait, PATIENCE)  # until it goes on, nothing is written
    folder = services.library.root / "captioning"
    folder.rename(aside := folder.with_name("away"))
    folder.write_text("in its place", encoding="utf-8")
    dictation.go.release(10)
    assert (await over(here, first["id"]))["state"] == "done"
    folder.unlink()
    aside.rename(folder)
    _, second = await ask(here, "POST", "/captioning", body)
    assert (await over(here, second["id"]))["state"] == "done"


async def test_a_run_that_a_dead_server_left_can_still_be_written(
    here: Here, services: Services, ada_photos: list[str]
) -> None:
    """What it had said by then is kept with it; damaged files are passed over."""
    library = services.library
    run = caption_runs.new("plain", [("ada", file) for file in ada_photos[1:]], preview=False, correlation_id="c")
    run.state, run.done = "running", 1
    run.changes.append(caption_runs.CaptionChange(character="ada", file=ada_photos[1], before="", after="ohwx, said"))
    caption_runs.save(library, run)
    for name, text in (("broken", "{"), ("newer", '{"format": 99}'), ("odd", "[]")):
        (library.root / "captioning" / f"{name}.json").write_text(text, encoding="utf-8")
    await services.captioning.start()
    _, found = await ask(here, "GET", "/captioning")
    assert [(item["id"], item["state"], item["changes"]) for item in found["runs"]] == [(run.id, "interrupted", 1)]
    status, written = await ask(here, "POST", f"/captioning/{run.id}/write", {})
    assert (status, bool(written["undo"])) == (200, True)
    assert (await captions(here))[ada_photos[1]] == "ohwx, said"


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
    here: Here, ada_photos: list[str], body: Any, status: int, code: str, monkeypatch: pytest.MonkeyPatch
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
