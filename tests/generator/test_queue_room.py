"""The picture queue beside trainings: nothing begins while one uses the device, and loaded models give way."""

from __future__ import annotations

import threading

from isengard.errors import IsengardError
from isengard.tests.generator.hosting import Host, follow, until
from isengard.tests.generator.made import mini


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
    looks = host.looks
    await until(lambda: host.looks >= looks + 2)  # what saw it busy has had its effect
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
