"""Work on what somebody looks at that is done beside the requests, one thing after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from .. import log
from ..errors import IsengardError

_LOG = log.get("web.beside")


class Beside:
    """A part of the services. `work` is called in a thread with a name and with what tells that it should end early."""

    def __init__(
        self, what: str, run: Callable[..., Awaitable[None]], work: Callable[[str, Callable[[], bool]], None]
    ) -> None:
        self._what, self._run, self._job = what, run, work
        self._wanted: dict[str, None] = {}
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending = False

    def look(self, name: str) -> None:
        """Somebody looks at this: what is to be done about it is done soon."""
        self._wanted[name] = None
        self._news.set()

    def waits(self, name: str) -> bool:
        """Whether it is worked on, or waits for that."""
        return name in self._wanted

    async def start(self) -> None:
        """Begins to wait."""
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.ensure_future(self._work())

    async def stop(self) -> None:
        """Ends; what is not done yet is found again."""
        self._ending = True
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def _is_over(self) -> bool:
        """Whether work is to end early. Ctrl+C ends ComfyUI's loop, which tells nobody, and Python waits for every
        thread."""
        return self._ending or self._loop is None or not self._loop.is_running()

    async def _work(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            while self._wanted:
                name = next(iter(self._wanted))
                try:
                    await self._run(self._job, name, self._is_over)
                except IsengardError as problem:
                    _LOG.warning(f"{self._what} failed", about=name, code=problem.code, problem=problem.message)
                except Exception:  # noqa: BLE001 (one thing's trouble must not end the others)
                    _LOG.exception(f"{self._what} failed", about=name)
                self._wanted.pop(name, None)
