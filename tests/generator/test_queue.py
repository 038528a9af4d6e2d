"""The queue: one after the other, not beside a training unless asked, stopped at any time, kept over a restart."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from isengard.errors import IsengardError
from isengard.generator import queue as module
from isengard.generator.generation import Generation
from isengard.generator.interface import Event
from isengard.generator.queue import GenerationQueue
from isengard.generator.request import Upscale
from isengard.tests.generator.made import Painter, mini

WAIT = 20.0


class Host:
    """The library's and the trainings' side of the queue."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kept: list[dict[str, Any]] = []
        self.busy = ""
        self.painter = Painter()

    def reason(self) -> str:
        """For Busy."""
        return self.busy

    async def keep(self, file: Path, settings: dict[str, Any]) -> str:
        """Takes a picture."""
        assert await asyncio.to_thread(file.is_file)
        self.kept.append(settings)
        return f"p{settings['seed']}"

    def queue(self) -> GenerationQueue:
        """A new queue on the same folder."""
        return GenerationQueue(self.folder, self.keep, self, make=lambda name, logs: self.painter)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setattr(module, "_BUSY_POLL", 0.02)
    return Host(tmp_path / "generations")


async def follow(queue: GenerationQueue, generation_id: str, after: int = 0) -> list[tuple[int, Event]]:
    """All events of a generation, live, to the end."""

    async def read() -> list[tuple[int, Event]]:
        return [entry async for entry in queue.stream(generation_id, after)]

    return await asyncio.wait_for(read(), WAIT)


async def until(condition: Callable[[], object]) -> None:
    """Waits for something to become true."""

    async def look() -> None:
        while not condition():  # noqa: ASYNC110 (what is waited for is not ours to announce)
            await asyncio.sleep(0.01)

    await asyncio.wait_for(look(), WAIT)


async def test_a_generation_is_followed_to_its_end(host: Host) -> None:
    """Numbers rise, pictures come with their seed and the gallery's name but no path, and done is last."""
    queue = host.queue()
    await queue.start()
    generation = await queue.submit(mini(count=2, seed=40), correlation_id="c1")
    events = await follow(queue, generation.id)
    numbers = [number for number, _ in events]
    assert numbers == sorted(set(numbers))
    pictures = [event for _, event in events if event["type"] == "picture"]
    assert [(event["seed"], event["id"]) for event in pictures] == [(40, "p40"), (41, "p41")]
    assert all("file" not in event for event in pictures)
    assert events[-1][1]["type"] == "done"
    assert events[-1][1]["pictures"] == generation.pictures == ["p40", "p41"]
    assert [settings["seed"] for settings in host.kept] == [40, 41]
    assert not (host.folder / generation.id).exists()
    await queue.stop()
    assert host.painter.closed


async def test_generations_run_one_after_the_other_in_order(host: Host) -> None:
    """Also when they come within one moment; each knows its place."""
    queue = host.queue()
    await queue.start()
    made = [await queue.submit(mini(seed=seed * 10)) for seed in range(1, 5)]
    await asyncio.gather(*(follow(queue, one.id) for one in made))
    assert [seed for seed, _ in host.painter.seen] == [10, 20, 30, 40]
    await queue.stop()


async def test_a_late_listener_gets_what_matters_and_a_reconnecting_one_the_rest(host: Host) -> None:
    """Of outdated steps and previews nothing is kept, so what is remembered stays small."""
    queue = host.queue()
    await queue.start()
    generation = await queue.submit(mini(steps=60))
    live = await follow(queue, generation.id)
    late = await follow(queue, generation.id)
    assert len(live) > 60
    assert [event["type"] for _, event in late] == ["progress", "picture", "done"]
    seen = next(number for number, event in late if event["type"] == "picture")
    assert [event["type"] for _, event in await follow(queue, generation.id, after=seen)] == ["done"]
    assert await follow(queue, generation.id, after=10**9) == late
    await queue.stop()


async def test_nothing_begins_while_a_training_uses_the_device(host: Host) -> None:
    """It says why it waits, goes on by itself, and what was asked to run beside does so."""
    host.busy = "a training is running"
    queue = host.queue()
    await queue.start()
    waiting = await queue.submit(mini(seed=1))
    await until(lambda: waiting.reason)
    assert waiting.reason == "a training is running"
    assert waiting.state == "queued"
    assert any(event.get("reason") == "a training is running" for _, event in waiting.events)
    beside = await queue.submit(mini(seed=2), beside_training=True)
    await follow(queue, beside.id)
    again = await queue.submit(mini(seed=3))
    await until(lambda: again.reason)
    assert waiting.state == "queued"
    host.busy = ""
    await follow(queue, again.id)
    assert [seed for seed, _ in host.painter.seen] == [2, 1, 3]
    await queue.stop()


async def test_loaded_models_give_way_to_a_training(host: Host) -> None:
    """By themselves when they see one, and at once when they are asked to make room; until `go_on` nothing begins."""
    queue = host.queue()
    await queue.start()
    await follow(queue, (await queue.submit(mini())).id)
    host.busy = "a training is running"
    await until(lambda: host.painter.rests)
    host.busy = ""
    before = host.painter.rests
    await queue.make_room("a training begins")
    assert host.painter.rests == before + 1
    waiting = await queue.submit(mini())
    await until(lambda: waiting.reason == "a training begins")
    queue.go_on()
    await follow(queue, waiting.id)
    await queue.stop()


async def test_a_generator_that_can_not_rest_holds_nobody_up(host: Host) -> None:
    """A ComfyUI that was closed can't be asked to give its memory back: the training begins, and the next is asked."""
    queue = host.queue()
    await queue.start()
    await follow(queue, (await queue.submit(mini())).id)
    host.painter.rests_with = IsengardError("COMFYUI_UNREACHABLE", "ComfyUI does not answer.")
    await queue.make_room("a training begins")
    queue.go_on()
    host.busy = "a training is running"
    before = host.painter.rests
    await until(lambda: host.painter.rests > before + 2)
    await queue.stop()
    assert host.painter.closed


async def test_room_is_made_only_when_what_has_begun_is_over(host: Host) -> None:
    """Also for what was begun a moment ago and has not got as far as its generator."""
    queue = host.queue()
    await queue.start()
    made = await queue.submit(mini(count=2))
    await until(lambda: queue.running)
    await queue.make_room("a training begins")
    assert made.over
    queue.go_on()
    await queue.stop()


async def test_looking_whether_the_device_is_free_does_not_hold_up_the_loop(host: Host) -> None:
    """It reads the locks of all jobs, perhaps over a network; one failure doesn't end the queue."""
    seen: list[bool] = []

    def reason() -> str:
        seen.append(threading.current_thread() is threading.main_thread())
        if len(seen) == 1:
            raise OSError("the disk is away")
        return ""

    host.reason = reason  # type: ignore[method-assign]
    queue = host.queue()
    await queue.start()
    made = await queue.submit(mini())
    await follow(queue, made.id)
    assert not any(seen)
    await queue.stop()


async def test_the_last_event_is_told_to_a_slow_listener() -> None:
    """What ends a generation may come while the event before is still being sent."""
    generation = Generation(id="one", request=mini(), created="")
    await generation.tell({"type": "picture"})
    events = generation.stream()
    assert (await anext(events))[1]["type"] == "picture"
    await generation.tell({"type": "done"})
    assert [event["type"] async for _, event in events] == ["done"]


async def test_cancelling_keeps_what_is_done(host: Host) -> None:
    """A running one stops soon and keeps its finished pictures; a waiting one never begins."""
    queue = host.queue()
    await queue.start()
    running = await queue.submit(mini(count=9, steps=20, seed=100))
    waiting = await queue.submit(mini(seed=7))
    await until(lambda: running.pictures)
    await queue.cancel(waiting.id)
    await queue.cancel(running.id)
    events = await follow(queue, running.id)
    assert events[-1][1] == {"type": "cancelled", "pictures": running.pictures}
    assert 1 <= len(running.pictures) < 9
    assert (await follow(queue, waiting.id))[-1][1]["type"] == "cancelled"
    assert all(seed == 100 for seed, _ in host.painter.seen)
    await queue.stop()


async def test_a_failure_is_told_and_does_not_end_the_queue(host: Host) -> None:
    """One of ours with its code and without the log's end; an unforeseen one as INTERNAL."""
    queue = host.queue()
    await queue.start()
    host.painter.fail_with = IsengardError("GENERATOR_DIED", "It went.", tail="/home/somebody/secret")
    failed = await queue.submit(mini())
    last = (await follow(queue, failed.id))[-1][1]
    assert (last["type"], last["code"]) == ("failed", "GENERATOR_DIED")
    assert "somebody" not in json.dumps(last)
    host.painter.fail_with = RuntimeError("boom")
    assert (await follow(queue, (await queue.submit(mini())).id))[-1][1]["code"] == "INTERNAL"
    host.painter.fail_with = None
    assert (await follow(queue, (await queue.submit(mini())).id))[-1][1]["type"] == "done"
    await queue.stop()


async def test_what_can_not_run_is_refused_before_it_waits(host: Host) -> None:
    """Nothing of it is kept."""
    queue = host.queue()
    with pytest.raises(IsengardError) as caught:
        await queue.submit(mini(upscale=Upscale()))
    assert caught.value.code == "FEATURE_NOT_READY"
    assert queue.list_all() == []
    with pytest.raises(IsengardError) as caught:
        queue.get("../../etc/passwd")
    assert caught.value.code == "GENERATION_MISSING"


async def test_a_restart_takes_up_what_was_waiting_and_running(host: Host) -> None:
    """The running one goes on behind its finished pictures; stopping in order counts as no failed attempt."""
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
               {**whole, "error": "much"}, {**whole, "format": "two"}, {**whole, "request": []}]  # fmt: skip
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


async def test_old_generations_are_forgotten(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their pictures are in the gallery; the files don't pile up."""
    monkeypatch.setattr(module, "KEPT", 3)
    queue = host.queue()
    await queue.start()
    made = [await queue.submit(mini(steps=1)) for _ in range(6)]
    await follow(queue, made[-1].id)
    await until(lambda: len(queue.list_all()) <= 4)
    assert len(list(host.folder.glob("*.json"))) <= 4
    assert made[-1] in queue.list_all()
    await queue.stop()


async def test_what_has_a_queue_of_its_own_is_handed_over_at_once(host: Host) -> None:
    """Beside each other and beside a training; what waits there says so, and does not count as begun."""
    host.busy = "a training is running"
    host.painter = Painter(own_queue=True, on_device=False)
    host.painter.waits.clear()
    queue = host.queue()
    await queue.start()
    made = [await queue.submit(mini(seed=seed)) for seed in (1, 2)]
    await until(lambda: all(one.reason == "somebody else paints" for one in made))
    assert [(one.state, one.attempt) for one in queue.running] == [("queued", 0), ("queued", 0)]
    assert [json.loads((host.folder / f"{one.id}.json").read_text())["state"] for one in made] == ["queued", "queued"]
    host.painter.waits.set()
    for one in made:
        assert (await follow(queue, one.id))[-1][1]["type"] == "done"
    assert [one.attempt for one in made] == [1, 1]
    assert host.painter.rests == 0
    await queue.stop()


async def test_what_is_taken_away_in_another_queue_is_cancelled(host: Host) -> None:
    """Its generator ends without all pictures, and nobody here has asked for that."""
    host.painter = Painter(own_queue=True, on_device=False)
    host.painter.waits.clear()
    queue = host.queue()
    await queue.start()
    made = await queue.submit(mini(count=2))
    await until(lambda: made.reason)
    made.cancelled.set()
    host.painter.waits.set()
    assert (await follow(queue, made.id))[-1][1] == {"type": "cancelled", "pictures": []}
    await queue.stop()
