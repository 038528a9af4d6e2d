"""A node's attempt at a job: events on its own thread, interrupts, a failing listener, a failing start."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from isengard.errors import IsengardError
from isengard.nodes.supervising import supervise
from isengard.tests.trainer.jobs import make_small_job, until
from isengard.trainer.job import JobFolder, ask
from isengard.trainer.supervisor import supervised

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("imports_done")]


@pytest.fixture
def job(tmp_path: Path) -> JobFolder:
    """A job that goes on until it is stopped."""
    return make_small_job(tmp_path / "job", steps=20_000, sample_every=0, save_every=50)


def begun(events: list[dict[str, Any]]) -> bool:
    return any(event["type"] == "loss" for event in events)


def test_an_interrupt_saves_and_leaves_the_job_interrupted(job: JobFolder) -> None:
    """Events come on the caller's thread; the process is gone when it returns."""
    events: list[dict[str, Any]] = []
    threads = set()

    def show(event: dict[str, Any]) -> None:
        events.append(event)
        threads.add(threading.current_thread())
        assert supervised() == [job.path]

    assert supervise(job, show, lambda: begun(events)) == "interrupted"
    assert threads == {threading.current_thread()}
    assert job.owner() is None
    assert job.state().step >= 1
    assert supervised() == []


def test_a_wish_to_cancel_is_followed_before_an_interrupt(job: JobFolder) -> None:
    """Both come when somebody cancels over the API: the job is cancelled, not interrupted."""
    events: list[dict[str, Any]] = []

    def interrupted() -> bool:
        if begun(events):
            ask(job.control_file, stop="cancel")
            return True
        return False

    assert supervise(job, events.append, interrupted) == "cancelled"


def test_a_listener_that_fails_ends_the_process(job: JobFolder) -> None:
    """Whatever happens in the node, no trainer is left behind."""

    def show(event: dict[str, Any]) -> None:
        if event["type"] == "loss":
            raise ValueError("seven apples")

    with pytest.raises(ValueError, match="seven apples"):
        supervise(job, show, lambda: False)
    until(lambda: job.owner() is None)
    assert job.state().state == "interrupted"


def test_a_job_that_is_trained_elsewhere_is_refused(job: JobFolder) -> None:
    """The error of the supervisor comes to the node."""
    with job.writer(), pytest.raises(IsengardError, match="JOB_LOCKED"):
        supervise(job, lambda _event: None, lambda: False)
