"""Live events: nothing is missed, slow listeners hold nothing, and all ends in order."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from isengard.web.hub import SIZE, Hub


async def chunks(hub: Hub, after: int, count: int) -> list[bytes]:
    """The first chunks that a listener gets."""
    found = []
    async for chunk in hub.listen(after):
        found.append(chunk or b"")
        if len(found) == count:
            break
    return found


async def until(condition: Callable[[], object]) -> None:
    """Waits for something to become true."""

    async def look() -> None:
        while not condition():  # noqa: ASYNC110 (there is no event for that)
            await asyncio.sleep(0.01)

    await asyncio.wait_for(look(), 240)


def attached() -> Hub:
    hub = Hub()
    hub.attach()
    return hub


async def test_a_listener_gets_what_came_while_it_was_away() -> None:
    """With the id of the last event it saw, it goes on behind it and is not told to load again."""
    hub = attached()
    for number in range(5):
        hub.publish("job", {"n": number})
    place, missed = hub.place(f"{hub.name}-2")
    assert (place, missed) == (2, False)
    (chunk,) = await chunks(hub, place, 1)
    assert [b'"n":%d' % n in chunk for n in range(5)] == [False, False, True, True, True]


async def test_an_id_of_another_start_or_of_too_long_ago_asks_to_load_again() -> None:
    hub = attached()
    for number in range(SIZE + 10):
        hub.publish("job", {"n": number})
    for given in ("abcdef-3", f"{hub.name}-3", f"{hub.name}-999999999", "nonsense", f"{hub.name}-x"):
        assert hub.place(given) == (hub.last, True), given
    assert hub.place("") == (hub.last, False)


async def test_a_listener_that_falls_behind_is_reset_and_goes_on() -> None:
    """While it does not read, the ring goes past it; memory is the ring's alone."""
    hub = attached()
    hub.publish("job", {"n": 0})
    listener = hub.listen(0)
    assert b'"n":0' in (await anext(listener) or b"")
    for number in range(SIZE + 5):
        hub.publish("job", {"n": number})
    assert b"event: reset" in (await anext(listener) or b"")
    hub.publish("job", {"n": "new"})
    assert b'"new"' in (await anext(listener) or b"")


async def test_events_come_from_any_thread_in_order_to_hundreds() -> None:
    hub = attached()
    heard: list[list[bytes]] = [[] for _ in range(300)]
    listeners = [asyncio.create_task(_all(hub, got)) for got in heard]
    await asyncio.sleep(0)
    wanted = [b'"n":%d}' % n for n in range(50)]
    threading.Thread(target=lambda: [hub.tell("job", {"n": n}) for n in range(50)]).start()
    await until(lambda: all(any(wanted[-1] in part for part in got) for got in heard))
    hub.close()
    for text in await asyncio.gather(*listeners):
        assert [part for part in wanted if part in text] == wanted
    assert hub.listeners == 0


class Taking:
    """A listener whose connection has room for so much, until it is read."""

    def __init__(self, room: int = 10**9) -> None:
        self.room = room
        self.taken: list[bytes] = []

    def take(self, data: bytes) -> bool:
        if len(data) > self.room:
            return False
        self.room -= len(data)
        self.taken.append(data)
        return True

    async def follow(self, hub: Hub) -> None:
        async for chunk in hub.listen(0, self.take):
            self.taken.append(chunk or b"beat")
            self.room = 10**9


async def test_who_has_room_is_given_what_is_new_in_passing_and_others_in_their_own_task() -> None:
    """All hear everything once and in order, whatever was told while it was handed round."""
    hub = attached()
    taking = [Taking(room) for room in [10**9] * 100 + [0] * 20 + [100] * 100]
    tasks = [asyncio.create_task(one.follow(hub)) for one in taking]
    await asyncio.sleep(0)
    wanted = [b'"n":%d}' % n for n in range(30)]
    for number in range(30):
        hub.publish("job", {"n": number})
        await asyncio.sleep(0)
    await until(lambda: all(any(wanted[-1] in part for part in one.taken) for one in taking))
    hub.beat()
    await until(lambda: all(b"beat" in one.taken[-1] for one in taking))
    hub.close()
    await asyncio.gather(*tasks)
    for one in taking:
        text = b"".join(one.taken)
        assert [text.count(part) for part in wanted] == [1] * 30
        assert sorted(text.index(part) for part in wanted) == [text.index(part) for part in wanted]
        assert text.endswith(b"beat\n\n")


async def test_others_have_their_turn_while_hundreds_are_told() -> None:
    """Going round is no stretch of work that holds up a request."""
    hub, done = attached(), 0
    taking = [Taking() for _ in range(500)]
    tasks = [asyncio.create_task(one.follow(hub)) for one in taking]
    await asyncio.sleep(0)
    hub.publish("job", {})
    at_once = []
    while done < 500:
        await asyncio.sleep(0)
        now = sum(bool(one.taken) for one in taking)
        at_once.append(now - done)
        done = now
    assert max(at_once) <= 50
    hub.close()
    await asyncio.gather(*tasks)


async def _all(hub: Hub, got: list[bytes]) -> bytes:
    async for chunk in hub.listen(0):
        got.append(chunk or b"")
    return b"".join(got)


async def test_closing_wakes_everybody() -> None:
    hub = attached()
    waiting = [asyncio.create_task(_all(hub, [])) for _ in range(10)]
    await until(lambda: hub.listeners == 10)
    hub.close()
    for _ in range(10):  # a few turns of the loop, whose clock says nothing on a busy machine
        await asyncio.sleep(0)
    assert all(task.done() for task in waiting)
    assert await asyncio.gather(*waiting) == [b""] * 10
    hub.publish("job", {})
    assert hub.last == 0
