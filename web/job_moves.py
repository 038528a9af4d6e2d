"""What both hosts' queues do with a job: moves of those that no process works on, wishes to one that trains."""

from __future__ import annotations

import time
from collections.abc import Callable

from ..errors import IsengardError
from ..library.jobs import Job, Jobs
from ..sentences import Said
from ..trainer.job import ACTIVE, ExitCode, JobFolder, ask, read_control
from ..trainer.supervisor import tail_of

PAUSED_BEFORE = Said("ended.paused_before", "paused before its turn")
CANCELLED = Said("ended.cancelled_by_request", "cancelled by request")
_PATIENCE_SECONDS = 10.0
"""How long a trainer that has said its last word may take to let go of its job."""


def ask_now(job: Job, *, sample: bool, save: bool) -> None:
    """Asks the trainer that works on a job for samples or a checkpoint out of turn. Raises JOB_STATE if none does."""
    if job.state.state not in ACTIVE or job.folder.owner() is None:
        raise IsengardError(
            "JOB_STATE", f"A job that is {job.state.state} can't do that now.", hint="Ask for it while it trains."
        )
    ask(job.folder.control_file, sample=sample, save=save)


def somebody_trains(jobs: Jobs) -> bool:
    """Whether a trainer of ours that a killed server left is still saving, or one was started by hand."""
    busy = False
    for job in jobs.all()[0]:
        if job.state.state in ACTIVE:
            jobs.mark_gone(job.id)
        if job.state.state in (*ACTIVE, "queued") and job.folder.owner() is not None:  # or it has just begun
            busy = True
    return busy


def stop_waiting(folder: JobFolder, state: str, reason: str, wish: str) -> None:
    """A job that no process works on. If one has just begun, it is asked instead."""
    try:
        with folder.writer() as writer:
            writer.set_state(state, reason=reason)
    except IsengardError as problem:
        if problem.code != "JOB_LOCKED":
            raise
        ask(folder.control_file, stop=wish)


def stop_if_asked(job: Job) -> bool:
    """Whether control.json asks a job to stop whose trainer has not begun yet; then it is stopped."""
    wish = read_control(job.folder.control_file).stop
    if wish:
        state, reason = ("cancelled", CANCELLED) if wish == "cancel" else ("paused", PAUSED_BEFORE)
        stop_waiting(job.folder, state, reason, wish)
    return bool(wish)


def when_free(folder: JobFolder, deed: Callable[[], None]) -> None:
    """A trainer that has just written its last state lets go of the lock a moment later."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return deed()
        except IsengardError as problem:
            if problem.code != "JOB_LOCKED" or time.monotonic() > deadline or folder.state().state in ACTIVE:
                raise
        time.sleep(0.05)


def fail(folder: JobFolder, error: IsengardError) -> None:
    """What was to begin did not: the job must not be tried again and again."""
    with folder.writer() as writer:
        writer.emit("error", **error.as_dict())
        writer.set_state("preparing")
        writer.set_state("failed", reason=error.message, error=error.as_dict())


def never_began(folder: JobFolder, code: int | None, problem: IsengardError | None) -> None:
    """Notes of what a job failed whose trainer was not started, or ended with this exit code while it still waited.
    Neither: it was stopped before."""
    if problem is None and code not in (None, ExitCode.DONE):
        tail = tail_of(folder.path / "output.txt")
        problem = IsengardError("TRAINER_DIED", "The trainer's process ended before it began.", tail=tail)
    if problem is not None:
        fail(folder, problem)
