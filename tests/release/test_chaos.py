"""A session in which server and trainer are killed again and again: what was answered is there, and all can go on.

ISENGARD_CHAOS_SECONDS makes it longer, ISENGARD_CHAOS_SEED repeats one.
"""

from __future__ import annotations

import json
import os
import random
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from PIL import Image
from safetensors import safe_open

from isengard.library.store import Library
from isengard.tests.release.session import Session
from isengard.tests.trainer.jobs import write_photos
from isengard.tests.web.server import Client, Server, running
from isengard.trainer.job import ACTIVE, JobFolder, read_events

pytestmark = pytest.mark.slow


def test_nothing_that_was_answered_is_lost(tmp_path: Path) -> None:
    """Half a minute of work and kills, then a look at everything."""
    seed = int(os.environ.get("ISENGARD_CHAOS_SEED", random.randrange(10**6)))
    seconds = float(os.environ.get("ISENGARD_CHAOS_SECONDS", "30"))
    print(f"ISENGARD_CHAOS_SEED={seed}")
    root = tmp_path / "library"
    photos = write_photos(tmp_path / "photos", 24)
    for server in running(Server(root)):
        session = Session(server, photos, seed)
        try:
            kills = _play(session, seconds)
            assert kills["server"] >= 2, kills
            session.finish()
            _look(session, session.client)
        except BaseException:
            print("\n".join(session.said[-60:]))
            raise
        finally:
            print(f"{len(session.said)} steps, seed {seed}")
    _look_at_the_disk(session, root)


def _play(session: Session, seconds: float) -> dict[str, int]:
    kills = {"server": 0, "trainer": 0}
    deadline = time.monotonic() + seconds
    aim = time.monotonic() + 3
    while time.monotonic() < deadline or kills["server"] < 2:  # on a busy machine a start may take a minute
        session.step()
        time.sleep(0.02)  # nobody presses faster, and what is beside this test has the processor meanwhile
        if time.monotonic() > aim:
            if session.chance.random() < 0.6 or not session.kill_trainer():
                session.kill_server()
                kills["server"] += 1
            else:
                kills["trainer"] += 1
            aim = time.monotonic() + session.chance.uniform(1, 6)
    return kills


def _look(session: Session, client: Client) -> None:
    """Whether the server shows what it has said yes to."""
    known = session.known
    listed = client.get("/characters")
    assert listed["broken"] == []
    people: dict[str, Any] = {found["id"]: found for found in listed["characters"]}
    thrown = {entry["character"]: entry for entry in client.get("/trash")["entries"] if entry["kind"] == "character"}
    for slug, names in known.names.items():
        if slug in known.vague:
            assert (slug in people) != (slug in thrown), f"{slug} is in two places, or nowhere"
        elif slug in known.deleted:
            assert slug in thrown, slug
            assert slug not in people, slug
        else:
            assert slug in people, slug
        if slug in people:
            assert people[slug]["name"] in names, (slug, names)
    for (slug, file), captions in known.captions.items():
        if slug in people:
            photos = {photo["file"]: photo for photo in client.get(f"/characters/{slug}/images?limit=200")["photos"]}
            assert file in photos, (slug, file)
            assert photos[file]["caption"] in captions, (slug, file)
    found = {job["id"]: job for job in client.get("/jobs")["jobs"]}
    assert known.jobs <= found.keys()
    for job in known.jobs:
        assert (found[job]["state"], found[job]["step"]) == ("done", 40)
        if (slug := found[job]["character"]) in thrown:  # the LoRA waits until its character is back
            assert client.ask("POST", f"/trash/{thrown.pop(slug)['id']}/restore").status == 200
        client.until(f"/training/{job}", lambda seen: seen["lora"])
    loras = {lora["id"] for lora in client.get("/loras")["loras"]}
    for job in known.jobs:
        assert client.get(f"/training/{job}")["lora"] in loras, job


def _look_at_the_disk(session: Session, root: Path) -> None:
    """Whole files, gapless events, nothing half done, and no process that nobody waits for."""
    for path in root.rglob("*.json"):
        json.loads(path.read_text(encoding="utf-8"))
    for path in (root / "characters").glob("*/images/*"):
        if path.suffix != ".txt":
            with Image.open(path) as picture:
                picture.load()
    for path in (root / "loras").glob("*.safetensors"):
        with safe_open(str(path), "pt") as weights:
            assert len(list(weights.keys())) > 0
    for name in session.known.jobs:
        job = JobFolder(root / "jobs" / name)
        numbers = [event["seq"] for event in read_events(job.events_file)]
        assert numbers == list(range(1, len(numbers) + 1)), name
        assert job.owner() is None
        assert job.state().state not in ACTIVE
    library = Library.open(root)
    library.close()
    for place in (".journal", ".scratch", "jobs/.making"):
        left = [path for path in (root / place).glob("*") if (root / place).is_dir()]
        assert left == [], place
    assert list(root.rglob("*.tmp")) == []
    deadline = time.monotonic() + 240
    while ours := _processes(root):
        assert time.monotonic() < deadline, ours
        time.sleep(0.5)


def _processes(root: Path) -> list[str]:
    """Processes that name this library on their command line."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        line = " ".join(process.info["cmdline"] or [])
        if str(root) in line and process.pid != os.getpid():
            found.append(line)
    return found
