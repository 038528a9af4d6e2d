"""The standalone queue when something is in its way: a disk that takes nothing, a trainer that can't be started, a job
that is resumed while its process still ends."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from pathlib import Path

import pytest

from isengard.errors import IsengardError
from isengard.library.jobs import Job, Jobs
from isengard.library.store import Library
from isengard.tests.trainer.jobs import empty_job
from isengard.trainer.job import ExitCode
from isengard.web.attempts import Attempts
from isengard.web.queue import StandaloneQueue

WAIT = 240.0
"""Seconds to wait for what happens; only a hanging queue needs them."""


@pytest.fixture
def jobs(root: Path) -> Jobs:
    """Three that wait: one, two and three."""
    library = Library.open(root)
    for name in ("one", "two", "three"):
        empty_job(library.jobs / name)
    return Jobs(library)


@pytest.fixture
async def queue(jobs: Jobs, root: Path) -> AsyncIterator[StandaloneQueue]:
    """One that is not started yet."""
    made = StandaloneQueue(jobs, root / "jobs" / "queue.json")
    yield made
    await made.stop()


async def until(condition: Callable[[], object]) -> None:
    """Waits for something to become true."""

    async def look() -> None:
        while not condition():  # noqa: ASYNC110 (what is waited for is not ours to announce)
            await asyncio.sleep(0.02)

    await asyncio.wait_for(look(), WAIT)


def states(jobs: Jobs) -> set[str]:
    return {job.state.state for job in jobs.all()[0]}


async def test_what_keeps_a_trainer_from_starting_is_the_jobs_error(
    queue: StandaloneQueue, jobs: Jobs, root: Path
) -> None:
    """A file that can't be opened: each job fails once and says of what; none is tried for ever, none blocks others."""
    for name in ("one", "two", "three"):
        (root / "jobs" / name / "output.txt").mkdir()
    await queue.start()
    await until(lambda: states(jobs) == {"failed"})
    for name in ("one", "two", "three"):
        error = jobs.get(name).state.error or {}
        assert error["code"] == "INTERNAL"
        assert "IsADirectoryError" in error["message"]


async def test_a_disk_that_keeps_no_order_does_not_end_the_queue(
    queue: StandaloneQueue, jobs: Jobs, root: Path
) -> None:
    """The worker goes on, and whoever changes the order is answered: it holds until the server ends."""
    (root / "jobs" / "queue.json" / "in the way").mkdir(parents=True)
    for name in ("one", "two", "three"):
        (root / "jobs" / name / "output.txt").mkdir()
        queue.enqueue(name)
    assert queue.reorder(["three"]) == ["three", "one", "two"]
    await queue.start()
    await until(lambda: states(jobs) == {"failed"})


async def test_a_folder_that_is_away_for_a_moment_does_not_end_the_queue(
    queue: StandaloneQueue, jobs: Jobs, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network's disk that goes while a trainer ends: nobody can say which jobs wait. When it is back, they go on."""
    attempts = []

    def run(_self: Attempts, job: Job) -> int:
        attempts.append(job.id)
        if len(attempts) == 1:
            (root / "jobs").rename(root / "away")
            (root / "jobs").write_text("in its place")
        else:
            with job.folder.writer() as writer:
                writer.set_state("training")
                writer.set_state("failed", reason="the memory did not suffice")
        return ExitCode.FAILED

    monkeypatch.setattr(Attempts, "run", run)
    await queue.start()
    await until(lambda: attempts and not queue.running)
    (root / "jobs").unlink()
    (root / "away").rename(root / "jobs")
    await until(lambda: states(jobs) == {"failed"})


async def test_a_job_that_nobody_can_mark_does_not_stop_the_others(
    queue: StandaloneQueue, jobs: Jobs, root: Path
) -> None:
    """It says that it trains, its process is gone, and its folder takes no lock."""
    with jobs.get("one").folder.writer() as writer:
        writer.set_state("training")
    (root / "jobs" / "one" / "lock").mkdir()
    (root / "jobs" / "two" / "output.txt").mkdir()
    jobs.mark_all_gone(but="")
    await queue.start()
    await until(lambda: jobs.get("two").state.state == "failed")
    assert jobs.get("one").state.state == "training"


async def test_a_job_that_failed_is_resumed_while_its_process_still_ends(
    queue: StandaloneQueue, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seconds can pass between a trainer's last word and its end; who presses Resume in between is heard."""
    for name in ("two", "three"):
        jobs.get(name).folder.cancel()
    said, may_end = threading.Event(), threading.Event()
    attempts = []

    def run(_self: Attempts, job: Job) -> int:
        attempts.append(job.id)
        with job.folder.writer() as writer:
            writer.set_state("training")
            writer.set_state("failed", reason="the memory did not suffice")
        said.set()
        assert may_end.wait(WAIT)
        return ExitCode.FAILED

    monkeypatch.setattr(Attempts, "run", run)
    await queue.start()
    await asyncio.to_thread(said.wait, WAIT)
    resuming = asyncio.create_task(asyncio.to_thread(queue.resume, "one"))
    await asyncio.sleep(0.2)
    may_end.set()
    await resuming
    await until(lambda: attempts == ["one", "one"])


@pytest.mark.parametrize("wish", ["pause", "cancel"])
async def test_a_job_that_waits_for_room_can_be_stopped(jobs: Jobs, root: Path, wish: str) -> None:
    """Its turn has come, and a picture is still being made on the device: it is not kept waiting with its wish."""
    for name in ("two", "three"):
        jobs.get(name).folder.cancel()
    asked: list[bool] = []
    waiting: Future[None] = Future()

    def room(wanted: bool) -> Future[None] | None:
        asked.append(wanted)
        return waiting if wanted else None

    queue = StandaloneQueue(jobs, root / "jobs" / "queue.json", room=room)
    await queue.start()
    await until(lambda: asked)
    await asyncio.to_thread(queue.pause if wish == "pause" else queue.cancel, "one")
    await until(lambda: jobs.get("one").state.state == ("paused" if wish == "pause" else "cancelled"))
    await until(lambda: asked == [True, False])
    assert waiting.cancelled()
    await queue.stop()


def test_asking_again_for_a_job_that_waits_keeps_its_place(queue: StandaloneQueue) -> None:
    """The same training asked for twice, or resumed while it waits: it is not put behind the others."""
    for name in ("three", "one", "two"):
        queue.enqueue(name)
    queue.enqueue("three")
    queue.resume("one")
    assert queue.order() == ["three", "one", "two"]


def test_what_is_not_waiting_has_no_order(queue: StandaloneQueue) -> None:
    """A mistyped or finished job is named."""
    with pytest.raises(IsengardError, match=r"JOB_STATE.*nobody"):
        queue.reorder(["nobody"])
