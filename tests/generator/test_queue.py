"""The queue: one after the other, followed live, stopped at any time; one trouble does not end the others."""

from __future__ import annotations

import asyncio
import json

import pytest

from isengard.errors import IsengardError
from isengard.generator.generation import Generation
from isengard.generator.request import Upscale
from isengard.tests.generator.hosting import Host, follow, until
from isengard.tests.generator.made import Painter, mini


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
    host.painter = Painter(stays_at=1)
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
