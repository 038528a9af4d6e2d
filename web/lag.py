"""Measures how late the event loop is: what blocks it shows here."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress

from .. import log

_EVERY_SECONDS = 0.02
_KEPT = 3000
"""Measurements that are looked back on: a minute."""
_LATE_SECONDS = 0.25
_LOG = log.get("web.lag")


class Lag:
    """A part of the services."""

    def __init__(self) -> None:
        self._late: deque[float] = deque(maxlen=_KEPT)
        self._task: asyncio.Task[None] | None = None

    @property
    def worst(self) -> float:
        """Seconds that the loop was late at worst within the last minute."""
        return max(self._late, default=0.0)

    async def start(self) -> None:
        """Begins to measure."""
        self._task = asyncio.ensure_future(self._measure())

    async def stop(self) -> None:
        """Ends."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _measure(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _EVERY_SECONDS
            await asyncio.sleep(_EVERY_SECONDS)
            late = loop.time() - due
            self._late.append(late)
            if late > _LATE_SECONDS:
                _LOG.debug("the event loop was held up", seconds=round(late, 3))
