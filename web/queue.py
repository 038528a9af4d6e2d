"""The standalone host's queue: jobs run one after the other, each in a trainer's process; the order is on the disk.

The truth is the jobs' own states; `queue.json` only says in which order the queued ones come. In ComfyUI jobs are
prompts, see prompt_queue.py.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, TimeoutError  # noqa: A004 (the builtin one from Python 3.11 on)
from contextlib import suppress
from pathlib import Path

import structlog

from .. import log
from ..errors import IsengardError
from ..library.jobs import Job, Jobs
from ..trainer.job import ACTIVE, RESUMABLE, ExitCode, ask, read_control
from . import queue_order
from .attempts import Attempts
from .job_moves import (
    CANCELLED,
    PAUSED_BEFORE,
    ask_now,
    never_began,
    somebody_trains,
    stop_if_asked,
    stop_waiting,
    when_free,
)

_LOOK_SECONDS = 1.0
"""How often the queue looks for what others have done to jobs."""
_MOMENT_SECONDS = 5.0
"""How long a trainer that has said its last word may keep whoever resumes its job waiting."""
_LOG = log.get("web.queue")


class StandaloneQueue:
    """One worker thread supervises one trainer at a time, in an event loop of its own: ours is never held up."""

    def __init__(
        self,
        jobs: Jobs,
        order_file: Path,
        *,
        changed: Callable[[], None] = lambda: None,
        room: Callable[[bool], Future[None] | None] = lambda _wanted: None,
    ) -> None:
        self._jobs = jobs
        self._file = order_file
        self._changed = changed
        """Called after every change of the order and of what runs."""
        self._room = room
        """Called with True before a training: what else uses the device is to make room, and the result is waited for.
        Called with False after it."""
        self._turn = threading.Condition(threading.RLock())
        self._order: list[str] = []
        self._running = ""
        self._attempts = Attempts(self._turn)
        self._again: dict[str, str] = {}
        """Jobs to be queued again when they have stopped, with the correlation id of who asked."""
        self._over: set[str] = set()
        """Those of them that had stopped already, whatever of: only their process was still there."""
        self._ending = False
        self._worker: threading.Thread | None = None

    @property
    def running(self) -> str:
        """See Queue."""
        return self._running

    async def start(self) -> None:
        """Looks after jobs that a killed server left, then starts the worker."""
        await asyncio.to_thread(self._begin)

    async def stop(self) -> None:
        """Ends the running trainer so that it saves its step; its job becomes interrupted."""
        with self._turn:
            self._ending = True
            self._attempts.end()
            self._turn.notify_all()
        if self._worker is not None:
            await asyncio.to_thread(self._worker.join)

    def enqueue(self, job_id: str) -> None:
        """See Queue."""
        with self._turn:
            if job_id not in self._order:
                self._order.append(job_id)
            self._save()

    def order(self) -> list[str]:
        """See Queue."""
        waiting = {
            job.id: job for job in self._jobs.all()[0] if job.state.state == "queued" and job.id != self._running
        }
        with self._turn:
            known = [job_id for job_id in self._order if job_id in waiting]
        rest = sorted(waiting.keys() - set(known), key=lambda job_id: (waiting[job_id].state.created, job_id))
        return [*known, *rest]

    def reorder(self, job_ids: Sequence[str]) -> list[str]:
        """See Queue."""
        with self._turn:
            waiting = self.order()
            unknown = [job_id for job_id in job_ids if job_id not in waiting]
            if unknown:
                raise IsengardError("JOB_STATE", f"{unknown[0][:80]!r} is not waiting in the queue.")
            first = list(dict.fromkeys(job_ids))
            self._order = [*first, *(job_id for job_id in waiting if job_id not in first)]
            self._save()
            return list(self._order)

    def pause(self, job_id: str) -> None:
        """See Queue."""
        with self._turn:
            job = self._jobs.get(job_id)
            self._again.pop(job_id, None)
            if job_id == self._running or job.state.state in ACTIVE:
                self._ask(job, "pause")
            elif job.state.state == "queued":
                stop_waiting(job.folder, "paused", PAUSED_BEFORE, "pause")
            elif job.state.state != "paused":
                raise IsengardError("JOB_STATE", f"A job that is {job.state.state} can't be paused.")
            self._save()

    def cancel(self, job_id: str) -> None:
        """See Queue."""
        with self._turn:
            job = self._jobs.get(job_id)
            self._again.pop(job_id, None)
            if job.state.state == "done":
                raise IsengardError("JOB_STATE", "A job that is done can't be cancelled.", hint="Delete it instead.")
            if job_id == self._running or job.state.state in ACTIVE:
                self._ask(job, "cancel")
            elif job.state.state != "cancelled":
                stop_waiting(job.folder, "cancelled", CANCELLED, "cancel")
            self._save()

    def resume(self, job_id: str, correlation_id: str = "") -> None:
        """See Queue."""
        with self._turn:
            job = self._jobs.get(job_id)
            if job_id == self._running or (job.state.state in ACTIVE and job.folder.owner() is not None):
                stopped = job.state.state in RESUMABLE  # its process has only its last word to say
                if stopped or read_control(job.folder.control_file).stop:
                    ask(job.folder.control_file, stop="")
                    self._again[job_id] = correlation_id
                    (self._over.add if stopped else self._over.discard)(job_id)
                    self._save()
                if stopped:
                    self._turn.wait_for(lambda: job_id not in self._again, _MOMENT_SECONDS)
                return
            if job.state.state != "queued":
                when_free(job.folder, lambda: job.folder.requeue(correlation_id=correlation_id))
            self.enqueue(job_id)

    def ask(self, job_id: str, *, sample: bool = False, save: bool = False) -> None:
        """See Queue."""
        with self._turn:
            ask_now(self._jobs.get(job_id), sample=sample, save=save)

    def _ask(self, job: Job, wish: str) -> None:
        if job.id == self._running:
            ask(job.folder.control_file, stop=wish)
            self._attempts.stop(wish)
        elif job.folder.owner() is not None:  # trained by somebody else, e.g. from the command line
            ask(job.folder.control_file, stop=wish)
        else:
            self._jobs.mark_gone(job.id)
            if wish == "cancel":
                job.folder.cancel(CANCELLED)

    def _begin(self) -> None:
        self._jobs.tidy()
        self._order, self._again = queue_order.load(self._file)
        with self._turn:
            self._worker = threading.Thread(target=self._work, name="isengard-queue", daemon=True)
            self._worker.start()

    def _work(self) -> None:
        while (job := self._take()) is not None:
            with structlog.contextvars.bound_contextvars(correlation_id=job.state.correlation_id, job=job.id):
                code, problem = self._run(job)
                self._after(job, code, problem)
                self._room(False)
            if code is None:
                self._rest()

    def _run(self, job: Job) -> tuple[int | None, IsengardError | None]:
        """One attempt: the trainer's exit code, or what kept it from starting; neither if it was stopped before."""
        try:
            return self._attempts.run(job) if self._has_room(job) else None, None
        except IsengardError as problem:
            _LOG.warning("the trainer was not started", code=problem.code, problem=problem.message)
            return None, problem
        except Exception as problem:  # noqa: BLE001 (one job's trouble must not end the queue)
            _LOG.exception("unforeseen failure while a job ran")
            return None, IsengardError("INTERNAL", f"{type(problem).__name__}: {problem}.")

    def _has_room(self, job: Job) -> bool:
        """Waits until the device is free; False if the queue ends or somebody stops the job meanwhile."""
        waiting = self._room(True)
        if waiting is None:
            return not self._ending
        while not (self._ending or stop_if_asked(job)):
            with suppress(TimeoutError):
                waiting.result(timeout=0.5)
                return not self._ending
        waiting.cancel()
        return False

    def _take(self) -> Job | None:
        """Waits for the next job; None when the queue ends."""
        with self._turn:
            while not self._ending:
                job = self._due()
                if job is not None:
                    self._running = job.id
                    self._save()
                    return job
                self._rest()
        return None

    def _due(self) -> Job | None:
        """The job that may begin now."""
        try:
            self._go_on()
            return None if somebody_trains(self._jobs) else self._next()
        except Exception:  # noqa: BLE001 (a disk that is away for a moment must not end the queue)
            _LOG.exception("the queue could not be looked at")
            return None

    def _rest(self) -> None:
        """Waits until something changes or it is time to look again."""
        with self._turn:
            if not self._ending:
                self._turn.wait(_LOOK_SECONDS)

    def _next(self) -> Job | None:
        for job_id in self.order():
            try:
                job = self._jobs.get(job_id)
            except IsengardError:
                continue
            if job.folder.owner() is None:
                return job
        return None

    def _after(self, job: Job, code: int | None, problem: IsengardError | None) -> None:
        with self._turn:
            try:
                state = job.folder.state()
                if state.state == "queued" and not self._ending:
                    self._not_begun(job, code, problem)
                elif state.state == "done":
                    self._jobs.finish(job.id)
            except (IsengardError, OSError) as trouble:
                _LOG.warning("the end of a job could not be noted", job=job.id, problem=str(trouble))
            self._running = ""
            self._save()

    def _not_begun(self, job: Job, code: int | None, problem: IsengardError | None) -> None:
        """An attempt is over and the job still waits: somebody else had it, or what kept it from beginning is told."""
        if code == ExitCode.LOCKED or (problem is not None and problem.code == "JOB_LOCKED"):
            self._order = [*(known for known in self._order if known != job.id), job.id]
        else:
            never_began(job.folder, code, problem)

    def _go_on(self) -> None:
        """Queues jobs again that were resumed while they were about to stop."""
        for job_id, correlation_id in list(self._again.items()):
            try:
                job = self._jobs.get(job_id)
                if job.state.state in ACTIVE or job.folder.owner() is not None:
                    continue
                if job.state.state in (RESUMABLE if job_id in self._over else ("paused", "cancelled")):
                    job.folder.requeue(correlation_id=correlation_id)
                    self._order.append(job_id)
            except IsengardError as problem:
                _LOG.warning("a job could not be queued again", code=problem.code, problem=problem.message)
            del self._again[job_id]
            self._over.discard(job_id)
            self._save()

    def _save(self) -> None:
        """Keeps the order of those that wait, and wakes the worker and whoever listens. Where the disk doesn't take it,
        or doesn't say who waits, the order holds until the server ends."""
        first = [self._running] if self._running else []  # should we be killed before its trainer has begun
        try:
            self._order = self.order()
            queue_order.save(self._file, [*first, *self._order], self._again)
        except (IsengardError, OSError) as problem:
            _LOG.warning("the order of the queue was not kept", problem=str(problem))
        self._turn.notify_all()
        self._changed()
