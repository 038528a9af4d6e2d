"""Following event files: from any place, across torn lines, new jobs and growing files, once for all who listen."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from isengard.tests.trainer.jobs import empty_job
from isengard.trainer.job import JobFolder
from isengard.web.following import Follower
from isengard.web.services import Services

WAIT = 240.0
"""Seconds to wait for what happens; only hanging tails need them."""


def written(path: Path, *numbers: int) -> None:
    """All at once, so that nobody who looks meanwhile sees a part."""
    lines = (json.dumps({"v": 1, "seq": number, "type": "loss", "step": number}) + "\n" for number in numbers)
    with path.open("ab", buffering=0) as stream:
        stream.write("".join(lines).encode())


def test_a_follower_reads_whole_lines_only(tmp_path: Path) -> None:
    """A line that is being written is left; one that was torn and cut off does not confuse what follows."""
    path = tmp_path / "events.jsonl"
    follower = Follower(path)
    assert follower.read() == []
    written(path, 1, 2)
    with path.open("a", encoding="utf-8") as stream:
        stream.write('{"v": 1, "se')
    assert [event["seq"] for event in follower.read()] == [1, 2]
    assert follower.read() == []
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.truncate(size - len('{"v": 1, "se'))
    written(path, 3)
    path.open("a", encoding="utf-8").write("no event\n")
    written(path, 4)
    assert [event["seq"] for event in follower.read()] == [3, 4]
    again = Follower.at_end(path, path.stat().st_size)
    assert again.read() == []
    written(path, 5)
    assert [event["seq"] for event in again.read()] == [5]


@pytest.fixture
async def started(services: Services) -> AsyncIterator[Services]:
    """Services whose tails run; the queue does not."""
    services.hub.attach()
    await services.tails.start()
    yield services
    services.close_streams()
    await services.tails.stop()


def numbers(chunk: bytes) -> list[int]:
    return [int(line[4:]) for line in chunk.decode().splitlines() if line.startswith("id: ")]


async def heard(services: Services, job: str, after: int, last: int) -> list[int]:
    """Numbers of the events that a listener gets up to one."""
    found: list[int] = []
    with services.tails.listening(job) as tail:
        async for chunk in services.tails.events(tail, after):
            found += numbers(chunk or b"")
            if found and found[-1] >= last:
                break
    return found


async def test_streams_begin_anywhere_and_miss_nothing(started: Services) -> None:
    """From the beginning, from the middle, live, and all three while the file grows by thousands of lines."""
    job = empty_job(started.library.jobs / "one")
    written(job.events_file, *range(1, 2001))
    early = asyncio.create_task(heard(started, "one", 0, 4000))
    middle = asyncio.create_task(heard(started, "one", 1500, 4000))
    late = asyncio.create_task(heard(started, "one", 2000, 4000))
    for start in range(2001, 4001, 100):
        written(job.events_file, *range(start, start + 100))
        await asyncio.sleep(0.02)
    assert await early == list(range(1, 4001))
    assert await middle == list(range(1501, 4001))
    assert await late == list(range(2001, 4001))


async def test_many_who_listen_are_told_without_anything_done_for_each(started: Services) -> None:
    """The file is read once for all of them, and what ends a stream reaches those, too, who were told in passing."""
    job = empty_job(started.library.jobs / "one")
    taken: list[list[int]] = [[] for _ in range(50)]

    async def listen(mine: list[int]) -> None:
        def take(data: bytes) -> bool:
            mine.extend(numbers(data))
            return True

        with started.tails.listening("one") as tail:
            async for chunk in started.tails.events(tail, 0, take):
                mine.extend(numbers(chunk or b""))

    listening = [asyncio.create_task(listen(mine)) for mine in taken]
    written(job.events_file, 1)
    while not all(taken):  # noqa: ASYNC110 (there is no event for that)
        await asyncio.sleep(0.05)
    looks, run = 0, started.tails._run

    async def counted(*what: Any) -> Any:
        nonlocal looks
        looks += 1
        return await run(*what)

    started.tails._run = counted
    for number in range(2, 12):
        written(job.events_file, number)
        started.tails.poke()
        while not all(mine[-1] == number for mine in taken):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert looks < 250  # ten times something for all of them; one for each would be 500
    _finish(job)
    await asyncio.wait_for(asyncio.gather(*listening), WAIT)
    assert all(mine == sorted(set(mine)) for mine in taken)


async def test_the_hub_is_told_of_new_jobs_once_and_of_the_last_of_many_losses(started: Services) -> None:
    hub = started.hub
    seen: list[dict[str, Any]] = []

    async def listen() -> None:
        async for chunk in hub.listen(0):
            lines = (chunk or b"").decode().splitlines()
            seen.extend(json.loads(line[6:]) for line in lines if line.startswith("data: "))

    listener = asyncio.create_task(listen())
    job = empty_job(started.library.jobs / "one")
    await asyncio.sleep(0.05)
    written(job.events_file, *range(1, 200))
    started.tails.poke()

    async def told_of_both() -> None:
        while not (any(event.get("seq") == 199 for event in seen) and {"changed": ["one"]} in seen):  # noqa: ASYNC110
            await asyncio.sleep(0.05)

    await asyncio.wait_for(told_of_both(), WAIT)
    await asyncio.sleep(0.6)
    listener.cancel()
    told = [event["seq"] for event in seen if event.get("job") == "one"]
    assert told == [199]
    assert {"changed": ["one"]} in seen


async def test_a_job_that_can_not_be_read_costs_others_no_event(started: Services) -> None:
    """What was read of one beside it is told; lines that a stranger wrote are passed over, and what can't be read now
    comes when it can."""
    jobs = [empty_job(started.library.jobs / name) for name in ("one", "two")]
    good, bad = (job.events_file for job in jobs)
    for file in (good, bad):
        written(file, 1)
    bad.rename(aside := bad.with_suffix(".aside"))
    bad.mkdir()
    listening = asyncio.create_task(heard(started, "one", 1, 4))
    while not started.tails._tails:  # noqa: ASYNC110 (there is no event for that)
        await asyncio.sleep(0.01)
    with started.tails.listening("two"):
        for number in range(2, 5):
            written(good, number)
            with good.open("a", encoding="utf-8") as stream:
                stream.write('{"seq": 99}\n' + "[" * 100_000 + "\n")
            await asyncio.sleep(0.4)
        assert await asyncio.wait_for(listening, 20) == [2, 3, 4]
    bad.rmdir()
    aside.rename(bad)
    assert await asyncio.wait_for(heard(started, "two", 0, 1), 20) == [1]


async def test_a_job_that_is_done_ends_its_streams(started: Services) -> None:
    job = empty_job(started.library.jobs / "one")
    _finish(job)
    with started.tails.listening("one") as tail:
        found = [chunk async for chunk in started.tails.events(tail, 0)]
    assert numbers(b"".join(chunk or b"" for chunk in found)) == [1, 2, 3]


def _finish(job: JobFolder) -> None:
    with job.writer() as writer:
        for state in ("preparing", "training", "done"):
            writer.set_state(state)
