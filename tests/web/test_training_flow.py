"""One training from the plan to the LoRA over HTTP, on a real server with a real trainer: followed, paused, killed."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from isengard.process import is_same_process
from isengard.tests.trainer.jobs import until
from isengard.tests.web.server import LONG, SMALL, Client, Server
from isengard.trainer.job import JobFolder, read_events

pytestmark = pytest.mark.slow
MakeAda = Callable[[Client], str]


def wish(character: str, settings: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"character": character, "preset": "quick", "family": "mini", "settings": settings, **more}


def numbers(events: Any) -> list[int]:
    return [int(event.id) for event in events if event.id]


def goes_on(client: Client, job: str, behind: int = 0) -> int:
    """Waits until a job has made a step behind one; gives it."""
    stream = client.events(f"/training/{job}/stream")
    seen = stream.until(lambda event: event.kind == "loss" and event.data["step"] > behind)
    stream.close()
    return int(seen.data["step"])


def comes_to_its_end(client: Client, job: str) -> None:
    """A training that would go on until it is stopped gets fewer steps, and makes them."""
    client.post(f"/training/{job}/pause")
    steps = client.state(job, "paused")["step"] + 4
    client.until("/training", lambda found: found["running"] == "")
    changed = client.ask("PATCH", f"/training/{job}", {"settings": {"steps": steps}})
    assert changed.status == 200, changed.body
    client.post(f"/training/{job}/resume")
    assert client.state(job, "done")["step"] == steps


def test_from_photos_to_a_lora_with_a_stream_that_is_dropped(client: Client, with_photos: MakeAda, root: Path) -> None:
    """Plan, train, follow, lose the connection, go on without a gap; at the end there is a LoRA and a measured pace."""
    ada = with_photos(client)
    plan = client.post("/training/plan", wish(ada, SMALL))
    assert plan["obstacles"] == []
    assert (plan["steps"], plan["photos"], plan["pace"]) == (12, 4, "guess")
    page = client.events("/events")
    page.until(lambda event: event.kind == "hello")
    job = client.post("/training", wish(ada, SMALL), status=201)
    assert job["state"] == "queued"
    assert job["character"] == ada
    first = client.events(f"/training/{job['id']}/stream")
    middle = first.until(lambda event: event.kind == "loss" and event.data["step"] == 5)
    first.close()
    rest = client.events(f"/training/{job['id']}/stream", last=middle.id)
    rest.wait_end()
    assert rest.seen[-1].kind == "end"
    before = [event for event in first.seen if int(event.id or 0) <= int(middle.id)]
    told = read_events(root / "jobs" / job["id"] / "events.jsonl")
    assert numbers([*before, *rest.seen]) == [event["seq"] for event in told]
    done = client.state(job["id"], "done")
    assert done["lora"]
    page.until(lambda event: event.kind == "job" and event.data.get("state") == "done")
    assert {event.data["job"] for event in page.seen if event.kind == "job"} == {job["id"]}
    assert (done["step"], done["steps"], done["attempt"]) == (12, 12, 1)
    assert client.post("/training/plan", wish(ada, SMALL))["pace"] == "measured"
    same = client.ask("POST", "/training", wish(ada, SMALL))
    assert (same.status, same.json()["id"]) == (200, job["id"])
    _look_at_what_is_left(client, job["id"], root)


def _look_at_what_is_left(client: Client, job: str, root: Path) -> None:
    """Losses, log, files and the bundle of a job that is done."""
    losses = client.get(f"/training/{job}/loss?points=5")
    assert (losses["seen"], len(losses["steps"]), losses["steps"][-1]) == (12, 5, 12)
    assert client.get(f"/training/{job}/loss?after={losses['last_event']}")["seen"] == 0
    client.get(f"/training/{job}/likeness")
    alike = client.until(f"/training/{job}/likeness", lambda found: not found["measuring"])
    assert (alike["method"], alike["missing"], alike["photos"]) == ("drawn", "", 4)
    assert [step["step"] for step in alike["steps"]] == [0, 4, 8, 12]
    assert all(-1 <= step["likeness"] <= 1 and -1 <= step["leak"] <= 1 for step in alike["steps"])
    files = client.get(f"/jobs/{job}/artifacts")["artifacts"]
    kinds = [item["kind"] for item in files]
    assert (kinds.count("lora"), kinds.count("checkpoint"), kinds.count("sample"), kinds.count("photo")) == (1, 3, 8, 4)
    sample = next(item for item in files if item["kind"] == "sample")
    picture = client.ask("GET", f"/jobs/{job}/artifacts/{sample['name']}")
    assert picture.body.startswith(b"\x89PNG")
    assert picture.headers["content-type"] == "image/png"
    assert "private" in picture.headers["cache-control"]
    lines = client.get(f"/jobs/{job}/logs/view?q=state&tail=2")["lines"]
    assert [line["fields"]["state"] for line in lines] == ["training", "done"]
    correlation_id = client.get(f"/training/{job}")["correlation_id"]
    assert {line["correlation_id"] for line in lines} == {correlation_id}
    bundle = client.ask("GET", f"/jobs/{job}/debug-bundle")
    with zipfile.ZipFile(io.BytesIO(bundle.body)) as opened:
        names = set(opened.namelist())
        assert {"README.txt", "config.json", "state.json", "events.jsonl", "log.jsonl", "versions.json"} <= names
        assert not any(name.endswith((".png", ".jpg", ".safetensors")) for name in names)
        everything = b"".join(opened.read(name) for name in names)
        assert json.loads(opened.read("origin.json"))["plan"]["photos"] == 4
    assert str(root).encode() not in everything
    with_pictures = client.ask("GET", f"/jobs/{job}/debug-bundle?photos=true")
    assert any(name.startswith("photos/") for name in zipfile.ZipFile(io.BytesIO(with_pictures.body)).namelist())


def test_pause_resume_cancel_while_it_trains_and_while_it_waits(
    client: Client, with_photos: MakeAda, root: Path
) -> None:
    """A running job and two waiting ones: order, pause, edit, resume, cancel, delete and restore do what they say."""
    ada = with_photos(client)
    first = client.post("/training", wish(ada, LONG))["id"]
    second = client.post("/training", wish(ada, {**SMALL, "seed": 1}))["id"]
    third = client.post("/training", wish(ada, {**SMALL, "seed": 2}))["id"]
    assert len({first, second, third}) == 3
    client.state(first, "preparing", "training")
    assert client.post("/training/order", {"order": [third]})["order"] == [third, second]
    client.post(f"/training/{third}/pause")
    assert client.get(f"/training/{third}")["state"] == "paused"
    changed = client.ask("PATCH", f"/training/{third}", {"settings": {"steps": 8}})
    assert (changed.status, changed.json()["steps"]) == (200, 8)
    client.until(f"/training/{first}", lambda found: found["state"] == "training")
    client.events(f"/training/{first}/stream").until(lambda event: event.kind == "loss" and event.data["step"] >= 3)
    locked = client.ask("PATCH", f"/training/{first}", {"settings": {"steps": 9}})
    assert (locked.status, locked.code) == (409, "JOB_LOCKED")
    client.post(f"/training/{first}/pause")
    paused = client.state(first, "paused")
    assert paused["step"] >= 3
    client.post(f"/training/{second}/cancel")
    resumed = client.post(f"/training/{first}/resume")
    assert resumed["state"] in ("queued", "paused")
    client.state(first, "training")
    stream = client.events(f"/training/{first}/stream", last="1")
    stream.until(lambda event: event.kind == "loss" and event.data["step"] > paused["step"])
    client.post(f"/training/{first}/cancel")
    cancelled = client.state(first, "cancelled")
    assert cancelled["can_resume"]
    client.until("/training", lambda found: found["running"] == "")
    client.state(second, "cancelled")
    assert client.ask("DELETE", f"/training/{second}").status == 200
    assert client.ask("GET", f"/training/{second}").code == "JOB_MISSING"
    assert {job["id"] for job in client.get("/jobs?state=cancelled&state=paused")["jobs"]} == {first, third}


def test_a_pause_is_taken_back_while_it_is_being_followed(client: Client, with_photos: MakeAda, root: Path) -> None:
    """Pause and at once resume: the job goes on, whichever came through first."""
    ada = with_photos(client)
    job = client.post("/training", wish(ada, LONG))["id"]
    client.state(job, "preparing", "training")
    client.post(f"/training/{job}/pause")
    client.post(f"/training/{job}/resume")
    losses = [event["step"] for event in read_events(root / "jobs" / job / "events.jsonl") if event["type"] == "loss"]
    goes_on(client, job, behind=max(losses, default=0) + 20)  # a pause would be followed after the next step
    comes_to_its_end(client, job)


@pytest.mark.parametrize("moment", ["queued", "preparing", "training"])
def test_a_killed_server_loses_nothing(moment: str, server: Server, with_photos: MakeAda, root: Path) -> None:
    """After kill -9 the next server has the same jobs; what ran is interrupted and goes on from where it was."""
    client = server.start()
    ada = with_photos(client)
    job = client.post("/training", wish(ada, SMALL))["id"]
    waiting = client.post("/training", wish(ada, {**SMALL, "steps": 4, "seed": 3}))["id"]
    if moment != "queued":
        stream = client.events(f"/training/{job}/stream")
        stream.until(lambda event: event.kind == "state" and event.data["state"] == moment)  # also when it is past
    if moment == "training":
        stream.until(lambda event: event.kind == "checkpoint")
    server.kill()
    client = server.start()
    assert {found["id"] for found in client.get("/jobs")["jobs"]} == {job, waiting}
    if client.state(job, "interrupted", "done")["state"] == "interrupted":
        client.post(f"/training/{job}/resume")
    done = client.state(job, "done")
    assert (done["step"], bool(done["lora"])) == (12, True)
    assert client.state(waiting, "done")["lora"]
    told = [event["seq"] for event in read_events(root / "jobs" / job / "events.jsonl")]
    assert told == list(range(1, len(told) + 1))


def test_an_orderly_end_leaves_the_training_resumable(server: Server, with_photos: MakeAda) -> None:
    """Ctrl+C: the streams are told, the step is saved, the job is interrupted, nothing is restarted on its own."""
    client = server.start()
    ada = with_photos(client)
    job = client.post("/training", wish(ada, LONG))["id"]
    stream, page = client.events(f"/training/{job}/stream"), client.events("/events")
    stream.until(lambda event: event.kind == "loss" and event.data["step"] >= 5)
    assert server.stop() == 0
    stream.wait_end()
    page.wait_end()
    assert (stream.seen[-1].kind, page.seen[-1].kind) == ("end", "end")
    client = server.start()
    found = client.get(f"/training/{job}")
    assert found["state"] == "interrupted"
    assert found["step"] >= 5
    client.post(f"/training/{job}/resume")
    client.state(job, "training")


def test_a_wish_to_go_on_survives_a_kill(server: Server, with_photos: MakeAda) -> None:
    """Cancelled, and resumed before its process is quite gone: the next server knows it, too."""
    client = server.start()
    job = client.post("/training", wish(with_photos(client), LONG))["id"]
    client.state(job, "training")
    client.post(f"/training/{job}/cancel")
    client.state(job, "cancelled")
    client.post(f"/training/{job}/resume", status=(200, 409))
    server.kill()
    old = JobFolder(server.root / "jobs" / job).owner()
    client = server.start()
    until(lambda: old is None or not is_same_process(old.pid, old.birth))  # it is saving, and still says "training"
    if client.state(job, "queued", "training", "interrupted")["state"] == "interrupted":
        client.post(f"/training/{job}/resume")
    goes_on(client, job)
    comes_to_its_end(client, job)
