"""Runs one attempt at a job for a node: events are handed over on the node's own thread, interrupts are heeded."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable
from typing import Any

from .. import settings
from ..trainer.job import JobFolder, read_control
from ..trainer.supervisor import Supervisor
from . import background

POLL_SECONDS = 0.1
_PATIENCE_SECONDS = 20.0
"""How long a trainer may take to follow a wish to pause or cancel before it is told by signal."""

Event = dict[str, Any]


def supervise(
    job: JobFolder, show: Callable[[Event], None], interrupted: Callable[[], bool], *, correlation_id: str = ""
) -> str:
    """Trains until the process has ended, and returns the job's state.

    When `interrupted` says so, the step is saved and the job becomes what control.json asks for, else `interrupted`.
    Whatever `show` raises ends the process in the same way. Raises JOB_LOCKED and what stops the process from starting.
    """
    watched = _Watched(job, correlation_id)
    try:
        deadline = 0.0
        while not watched.over.wait(POLL_SECONDS):
            watched.hand_over(show)
            if interrupted():
                deadline = deadline or time.monotonic() + _PATIENCE_SECONDS
                if not read_control(job.control_file).stop or time.monotonic() > deadline:
                    break
    finally:
        watched.end()
    watched.hand_over(show)
    if watched.problem is not None:
        raise watched.problem
    return job.state().state


class _Watched:
    """A supervisor on the background loop."""

    def __init__(self, job: JobFolder, correlation_id: str) -> None:
        self.over = threading.Event()
        self.problem: BaseException | None = None
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._supervisor = Supervisor(job, correlation_id=correlation_id, log_level=settings.log_level())
        self._task: asyncio.Task[None] | None = None
        self._begun = threading.Event()
        background.submit(self._run())

    def hand_over(self, show: Callable[[Event], None]) -> None:
        """Gives what has come since the last time."""
        while not self._events.empty():
            show(self._events.get())

    def end(self) -> None:
        """Returns when the process is gone; one that runs is asked by signal to save and to end."""
        self._begun.wait()
        if not self.over.is_set() and self._task is not None:
            background.the_loop().call_soon_threadsafe(self._task.cancel)
        self.over.wait()

    async def _run(self) -> None:
        self._task = asyncio.current_task()
        self._begun.set()
        try:
            async for event in self._supervisor.run():
                self._events.put(event)
        except asyncio.CancelledError:
            pass  # the process is gone by now
        except Exception as problem:  # noqa: BLE001 (the node raises it on its own thread)
            self.problem = problem
        finally:
            self.over.set()
