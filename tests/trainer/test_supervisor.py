"""The supervisor and the process it starts: what is seen, how it is stopped, and that nothing is ever left behind."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from isengard.errors import IsengardError
from isengard.process import is_same_process
from isengard.tests.trainer.jobs import SCRIPTS, assert_gapless, copy_job, events_of, states_of, until
from isengard.trainer.job import ExitCode, JobFolder, read_events
from isengard.trainer.plan import change_config
from isengard.trainer.supervisor import Supervisor

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("imports_done")]


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture
def job(prepared: JobFolder, tmp_path: Path) -> JobFolder:
    """One that goes on until it is stopped, however late somebody looks."""
    made = copy_job(prepared, tmp_path / "job")
    made.write_config(made.config().replace(steps=50_000, save_every=1000, sample_every=0))
    return made


async def until_loss(events: AsyncIterator[dict[str, Any]], job: JobFolder) -> tuple[int, str]:
    """Number and birth of the trainer, at its first loss."""
    async for event in events:
        if event["type"] == "loss":
            owner = job.owner()
            assert owner is not None, "the events are not live"
            return owner.pid, owner.birth
    raise AssertionError("no loss came")


async def rest_of(events: AsyncIterator[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event async for event in events]


async def test_all_events_come_live_and_the_correlation_id_goes_along(job: JobFolder) -> None:
    """What is seen is what is in the stream; events of an attempt before are not told again."""
    supervisor = Supervisor(job, correlation_id="c-41")
    events = supervisor.run()
    await until_loss(events, job)
    stopping = asyncio.create_task(supervisor.stop())
    await rest_of(events)
    await stopping
    known, step = len(read_events(job.events_file)), job.state().step
    change_config(job, {"steps": step + 4, "save_every": 2, "sample_every": 2})
    supervisor = Supervisor(job, correlation_id="c-42")
    seen = await rest_of(supervisor.run())
    assert (supervisor.exit_code, job.state().state) == (ExitCode.DONE, "done")
    assert seen == read_events(job.events_file, after=known)
    assert {"state", "progress", "loss", "sample", "checkpoint"} <= {event["type"] for event in seen}
    assert job.state().correlation_id == "c-42"
    lines = [json.loads(line) for line in job.log_file.read_text(encoding="utf-8").splitlines()]
    assert len(lines) >= 6
    assert {line["correlation_id"] for line in lines} == {"c-41", "c-42"}


async def test_a_death_without_a_last_word_is_told(job: JobFolder) -> None:
    """How it died, and the end of what it printed; the job can be resumed."""
    supervisor = Supervisor(job)
    events = supervisor.run()
    pid, _ = await until_loss(events, job)
    os.kill(pid, signal.SIGKILL)
    *_, error, state = await rest_of(events)
    assert (error["type"], error["code"]) == ("error", "TRAINER_DIED")
    assert "signal 9" in error["message"]
    assert "state=training" in error["details"]["tail"]
    assert (state["state"], job.state().state) == ("interrupted", "interrupted")
    assert supervisor.exit_code == -signal.SIGKILL
    assert_gapless(job)


@pytest.mark.usefixtures("cold")
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has classes, no niceness")
async def test_the_trainer_and_its_threads_let_others_go_first(job: JobFolder) -> None:
    """A page that is open beside a training on the CPU stays quick."""
    supervisor = Supervisor(job)
    events = supervisor.run()
    pid, _ = await until_loss(events, job)
    niceness = {os.getpriority(os.PRIO_PROCESS, thread.id) for thread in psutil.Process(pid).threads()}
    assert niceness == {min(19, os.nice(0) + 10)}
    await events.aclose()  # type: ignore[attr-defined]


async def test_a_polite_stop_saves_the_step(job: JobFolder) -> None:
    supervisor = Supervisor(job)
    events = supervisor.run()
    await until_loss(events, job)
    stopping = asyncio.create_task(supervisor.stop("pause"))
    last = (await rest_of(events))[-1]
    await stopping
    assert (last["type"], last["state"]) == ("state", "paused")
    assert (supervisor.exit_code, job.state().state) == (ExitCode.PAUSED, "paused")
    assert (job.checkpoints / f"step_{job.state().step:06d}" / "state.pt").is_file()


@pytest.mark.usefixtures("cold")
async def test_a_process_that_does_not_listen_is_killed(job: JobFolder) -> None:
    """It is halted by the system, so that neither wish nor signal reaches it; the grace is all that it gets."""
    supervisor = Supervisor(job, grace_seconds=0.5)
    events = supervisor.run()
    pid, birth = await until_loss(events, job)
    os.kill(pid, signal.SIGSTOP)
    stopping = asyncio.create_task(supervisor.stop("cancel"))
    error = [event for event in await rest_of(events) if event["type"] == "error"][-1]
    await stopping
    assert not is_same_process(pid, birth)
    assert "did not end when it was asked" in error["message"]
    assert job.state().state == "interrupted"


def test_the_trainer_saves_and_ends_when_its_supervisor_is_killed(job: JobFolder) -> None:
    """kill -9 of the host: no orphan, and nothing lost."""
    host = subprocess.Popen(
        [sys.executable, str(SCRIPTS), "supervise", str(job.path)], stdout=subprocess.PIPE, text=True
    )
    assert host.stdout is not None
    assert host.stdout.readline() == "training\n"
    owner = job.owner()
    assert owner is not None
    host.kill()
    host.wait()
    until(lambda: not is_same_process(owner.pid, owner.birth), pause=0.05)
    state = job.state()
    assert state.state == "interrupted"
    assert "gone" in state.reason
    assert (job.checkpoints / f"step_{state.step:06d}" / "state.pt").is_file()
    assert job.owner() is None


async def test_leaving_early_ends_the_process_and_saves_the_step(job: JobFolder) -> None:
    """Whoever stops looking at the events stops the training."""
    supervisor = Supervisor(job)
    events = supervisor.run()
    pid, birth = await until_loss(events, job)
    await events.aclose()
    assert not is_same_process(pid, birth)
    assert (supervisor.exit_code, job.state().state) == (ExitCode.INTERRUPTED, "interrupted")
    assert (job.checkpoints / f"step_{job.state().step:06d}" / "state.pt").is_file()


@pytest.mark.usefixtures("cold")
async def test_cancelling_twice_leaves_no_orphan(job: JobFolder) -> None:
    """The second cancelling comes while the first one waits for a process that does not answer."""
    training = asyncio.Event()
    process: list[tuple[int, str]] = []

    async def watch() -> None:
        events = Supervisor(job).run()
        process.append(await until_loss(events, job))
        os.kill(process[0][0], signal.SIGSTOP)
        training.set()
        await rest_of(events)

    task = asyncio.create_task(watch())
    await training.wait()
    task.cancel()
    await asyncio.sleep(0.3)
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    until(lambda: not is_same_process(*process[0]))
    JobFolder(job.path).mark_interrupted("found at the next start")
    assert job.state().state == "interrupted"


async def test_two_supervisors_cannot_run_one_job(job: JobFolder) -> None:
    """Both start at the same moment: one is told that the job is locked, the other does not notice."""
    both = {asyncio.create_task(rest_of(one.run())): one for one in (Supervisor(job), Supervisor(job))}
    (refused,), (other,) = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    with pytest.raises(IsengardError) as caught:
        refused.result()
    assert caught.value.code == "JOB_LOCKED"
    while not events_of(job, "loss"):
        assert not other.done()
        await asyncio.sleep(0.05)
    await both[other].stop("pause")
    assert (await other)[-1]["state"] == "paused"
    assert states_of(job) == ["preparing", "training", "paused"]
    steps = [event["step"] for event in events_of(job, "loss")]
    assert steps == list(range(1, len(steps) + 1))
    assert_gapless(job)
