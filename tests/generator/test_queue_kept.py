"""What the queue keeps: over a restart, a kill and damage, out of a library from elsewhere, and for how long."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from isengard.generator import load_generator
from isengard.generator import queue as module
from isengard.generator.generation import Generation
from isengard.generator.interface import Generator
from isengard.generator.queue import GenerationQueue
from isengard.generator.records import Records
from isengard.tests.generator.hosting import Host, follow, until
from isengard.tests.generator.made import Painter, mini


async def test_a_restart_takes_up_what_was_waiting_and_running(host: Host) -> None:
    """The running one goes on behind its finished pictures; stopping in order counts as no failed attempt."""
    host.painter = Painter(stays_at=1)
    queue = host.queue()
    await queue.start()
    running = await queue.submit(mini(count=4, steps=20, seed=100))
    waiting = await queue.submit(mini(seed=7))
    await until(lambda: running.pictures)
    await queue.stop()
    done = len(running.pictures)
    for _ in range(3):
        again = host.queue()
        await again.start()
        await until(lambda queue=again: queue.running)  # type: ignore[misc]
        await again.stop()
    host.painter.stays_at = None
    last = host.queue()
    await last.start()
    await follow(last, waiting.id)
    assert last.get(running.id).pictures == ["p100", "p101", "p102", "p103"]
    assert done < 4
    assert host.painter.seen == [(100, 0), (100, 1), (100, 2), (100, 3), (7, 0)]
    await last.stop()


async def test_what_made_the_host_go_twice_is_not_begun_a_third_time(host: Host) -> None:
    """A killed host leaves a generation as running; after the second time it has failed and says why."""
    queue = host.queue()
    await queue.start()
    generation = await queue.submit(mini())
    await follow(queue, generation.id)
    await queue.stop()
    path = host.folder / f"{generation.id}.json"
    for attempt, state in ((1, "done"), (2, "failed")):
        path.write_text(
            json.dumps({**json.loads(path.read_text()), "state": "running", "attempt": attempt, "pictures": []})
        )
        again = host.queue()
        await again.start()
        events = await follow(again, generation.id)
        assert again.get(generation.id).state == events[-1][1]["type"] == state
        await again.stop()


async def test_a_damaged_file_does_not_stop_the_queue(host: Host) -> None:
    """It is passed over and stays where it is."""
    host.folder.mkdir()
    (host.folder / "20261122-100000-aaaaaaaa.json").write_text("{")
    (host.folder / "20261122-100000-bbbbbbbb.json").write_text('{"request": {"prompt": 3}}')
    whole = {
        "format": 1, "id": "20261122-100000-cccccccc", "created": "2026-11-22T10:00:00+00:00", "beside_training": False,
        "correlation_id": "", "attempt": 0, "state": "queued", "pictures": [], "error": None,
        "request": mini().as_dict(),
    }  # fmt: skip
    damaged = [[], "text", {**whole, "created": 3}, {**whole, "state": "begun"}, {**whole, "pictures": 5},
               {**whole, "error": "much"}, {**whole, "format": "two"}, {**whole, "request": []},
               {**whole, "request": {**mini().as_dict(), "guidance": 10**400}}]  # fmt: skip
    for number, values in enumerate(damaged):
        (host.folder / f"20261122-100000-dddddd{number:02d}.json").write_text(json.dumps(values))
    queue = host.queue()
    await queue.start()
    assert queue.list_all() == []
    assert len(list(host.folder.glob("*.json"))) == 2 + len(damaged)
    await queue.stop()


async def test_a_generation_from_a_stranger_clears_nothing_away(host: Host) -> None:
    """Its scratch folder is removed at the start, so its name must not lead to another: the file's own name counts."""
    queue = host.queue()
    await queue.start()
    made = await queue.submit(mini())
    await follow(queue, made.id)
    await queue.stop()
    values = {**json.loads((host.folder / f"{made.id}.json").read_text()), "state": "queued", "pictures": ["p5"]}
    beside = host.folder.parent / "characters"
    beside.mkdir()
    for name, told in (("20261122-100000-aaaaaaaa", "../characters"), ("..", "x"), ("b b", "../../elsewhere")):
        (host.folder / f"{name}.json").write_text(json.dumps({**values, "id": told}))
    again = host.queue()
    await again.start()
    assert beside.is_dir()
    assert host.folder.is_dir()
    assert {one.id for one in again.list_all()} == {made.id, "20261122-100000-aaaaaaaa"}
    await again.stop()


async def test_a_record_of_a_generator_that_is_only_planned_fails_alone(host: Host) -> None:
    """Out of a library from elsewhere: it says why, and what waits behind it is made."""

    def make(name: str, logs: Path) -> Generator:
        return host.painter if name == "diffusers" else load_generator(name, logs)

    queue = GenerationQueue(host.folder, host.keep, host, make=make)
    old = Generation.begin(mini(generator="video"), beside_training=False, correlation_id="")
    Records(host.folder).write(old)
    await queue.start()
    assert (await follow(queue, (await queue.submit(mini())).id))[-1][1]["type"] == "done"
    assert (await follow(queue, old.id))[-1][1]["code"] == "GENERATOR_NOT_READY"
    await queue.stop()


async def test_old_generations_are_forgotten(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their pictures are in the gallery; the files don't pile up."""
    monkeypatch.setattr(module, "KEPT", 3)
    queue = host.queue()
    await queue.start()
    made = [await queue.submit(mini(steps=1)) for _ in range(6)]
    await follow(queue, made[-1].id)
    await until(lambda: len(queue.list_all()) <= 4 and len(list(host.folder.glob("*.json"))) <= 4)
    assert made[-1] in queue.list_all()
    await queue.stop()
