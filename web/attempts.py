"""One trainer at a time for the standalone queue: started, watched and stopped in an event loop of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from .. import settings
from ..library.jobs import Job
from ..trainer.job import read_control
from ..trainer.supervisor import Supervisor

_GRACE_SECONDS = 120.0
"""How long a trainer that was asked to stop may go on before it is told by signal."""


class Attempts:
    """`run` is called on the queue's worker thread, the others on any."""

    def __init__(self, turn: threading.Condition) -> None:
        self._turn = turn
        """The queue's: whoever asks a job to stop holds it."""
        self._tell: Callable[[str], None] = lambda _wish: None
        self._ended = False

    def run(self, job: Job) -> int | None:
        """One attempt at a job; returns the exit code. Raises JOB_LOCKED and what keeps the trainer from starting."""
        return asyncio.run(self._supervise(job))

    def stop(self, wish: str) -> None:
        """Asks the trainer that runs for `pause` or `cancel`."""
        self._tell(wish)

    def end(self) -> None:
        """Ends the trainer that runs so that it saves its step, and lets no other begin."""
        self._ended = True
        self._tell("")

    async def _supervise(self, job: Job) -> int | None:
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        supervisor = Supervisor(
            job.folder,
            correlation_id=job.state.correlation_id,
            log_level=settings.log_level(),
            grace_seconds=_GRACE_SECONDS,
        )
        asked: set[asyncio.Task[None]] = set()

        def stop(wish: str) -> None:
            if wish:
                asked.add(asyncio.ensure_future(supervisor.stop(wish)))
            else:
                over.set()

        run, end = asyncio.ensure_future(_drain(supervisor)), asyncio.ensure_future(over.wait())
        with self._turn:
            self._tell = lambda wish: loop.call_soon_threadsafe(stop, wish)  # type: ignore[assignment]
            if self._ended:
                over.set()
            elif wish := read_control(job.folder.control_file).stop:
                stop(wish)
        try:
            await asyncio.wait({run, end}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            with self._turn:
                self._tell = lambda _wish: None
            for task in (run, end, *asked):
                task.cancel()
            results = await asyncio.gather(run, end, *asked, return_exceptions=True)
        if isinstance(results[0], Exception):
            raise results[0]
        return supervisor.exit_code


async def _drain(supervisor: Supervisor) -> None:
    async for _event in supervisor.run():
        pass  # whoever listens reads the job's event file
