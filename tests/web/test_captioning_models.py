"""Captioners with a model, over HTTP: ready or with what is missing, in a process of their own, stopped at once."""

from __future__ import annotations

import json
from pathlib import Path

import psutil
import pytest

from isengard import settings
from isengard.library.captions.captioners import florence2
from isengard.tests.library.captions.florence2_made import a_folder
from isengard.tests.library.captions.tiny_florence2 import write_tiny_florence2
from isengard.tests.web.captioned import Here, ask, over, until
from isengard.tests.web.server import Client, Server
from isengard.web.services import Services

NEVER_READY = """
import os, pathlib, time
place = pathlib.Path(__file__)
place.with_suffix(".part").write_text(str(os.getpid()))
place.with_suffix(".part").replace(place.with_suffix(".pid"))
time.sleep(36_000)
"""
"""A captioner's program that says its number and no more."""


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
    here: Here, services: Services, ada_photos: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A real process that never gets ready: cancelled, it is gone, and nothing was written."""
    program = tmp_path / "child.py"
    program.write_text(NEVER_READY, encoding="utf-8")
    monkeypatch.setattr(florence2, "_PROGRAM", program)
    a_folder(services.library.models / "Florence-2-base")
    _, made = await ask(here, "POST", "/captioning", {"captioner": "florence2", "character": "ada"})
    started = program.with_suffix(".pid")
    await until(here, made["id"], lambda found: found["state"] == "running" and started.exists())
    child = psutil.Process(int(started.read_text(encoding="utf-8")))
    await ask(here, "POST", f"/captioning/{made['id']}/cancel")
    cancelled = await over(here, made["id"])
    assert (cancelled["state"], cancelled["undo"], cancelled["error"]) == ("cancelled", "", None)
    assert not child.is_running(), "it would have slept for hours"


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
