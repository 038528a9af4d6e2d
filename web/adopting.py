"""Takes in, beside the requests, what people have put into a character's folder by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from .. import log
from ..errors import IsengardError
from ..library import adoption
from ..library.store import Library

_LOG = log.get("web.adopting")


class Adopting:
    """A part of the services; one character at a time."""

    def __init__(self, library: Library, run: Callable[..., Awaitable[int]]) -> None:
        self._library, self._run = library, run
        self._wanted: dict[str, None] = {}
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._ending = False

    def look(self, slug: str) -> None:
        """Somebody looks at this character: what lies there is to be taken in soon."""
        self._wanted[slug] = None
        self._news.set()

    async def start(self) -> None:
        """Begins to wait."""
        self._task = asyncio.ensure_future(self._work())

    async def stop(self) -> None:
        """Ends; what is not taken in yet is found again."""
        self._ending = True
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _work(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            while self._wanted:
                slug = next(iter(self._wanted))
                try:
                    await self._run(self._take_in, slug)
                except IsengardError as problem:
                    _LOG.warning("photos were not taken in", character=slug, code=problem.code, problem=problem.message)
                except OSError:
                    _LOG.exception("photos were not taken in", character=slug)
                self._wanted.pop(slug, None)

    def _take_in(self, slug: str) -> int:
        done = 0
        for _ in adoption.take_in(self._library, slug):
            done += 1
            if self._ending:
                break
        if done:
            self._library.tell((slug,))
        return done
