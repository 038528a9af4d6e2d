"""Live events for every page that is open: a ring that all listeners read, each at its own pace.

A listener is a place in the ring and nothing else, so hundreds cost little and a slow one holds no memory: when the
ring has gone past it, it is told `reset` (load again what you show) and goes on with what is new.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from .framing import BEAT_SECONDS, encode

SIZE = 2000
"""Events that a listener may be behind."""


@dataclass(frozen=True)
class Event:
    """One event, encoded once for all listeners."""

    number: int
    kind: str
    encoded: bytes


class Hub:
    """Use `publish` on the loop and `tell` from any thread."""

    def __init__(self) -> None:
        self.name = secrets.token_hex(3)
        """Numbers begin anew with every start of the server; this tells them apart."""
        self.last = 0
        """Number of the newest event."""
        self.closed = False
        self.listeners = 0
        self._ring: deque[Event] = deque(maxlen=SIZE)
        self._news = asyncio.Event()
        self._joined = (0, 0, b"")
        """What was last sent: behind which number, up to which, and the bytes. Most listeners are at the same place."""
        self.loop: asyncio.AbstractEventLoop | None = None
        """The loop that all happens on."""

    def attach(self) -> None:
        """Names the loop that `tell` hands over to; call it there."""
        self.loop = asyncio.get_running_loop()
        self.loop.call_later(BEAT_SECONDS, self.beat)

    def publish(self, kind: str, data: dict[str, Any]) -> None:
        """Adds an event and wakes the listeners."""
        if self.closed:
            return
        self.last += 1
        self._ring.append(Event(self.last, kind, encode(kind, data, f"{self.name}-{self.last}")))
        self._wake()

    def tell(self, kind: str, data: dict[str, Any]) -> None:
        """`publish` from any thread."""
        if self.loop is not None and not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.publish, kind, data)

    def beat(self) -> None:
        """Wakes listeners without news: one timer for all of them."""
        if self.loop is not None and not self.closed:
            self._wake()
            self.loop.call_later(BEAT_SECONDS, self.beat)

    def close(self) -> None:
        """Ends all streams."""
        self.closed = True
        self._wake()

    def place(self, last_event_id: str) -> tuple[int, bool]:
        """Where a listener goes on, and whether it has missed something: then it must load again what it shows."""
        name, _, number = last_event_id.partition("-")
        if not last_event_id:
            return self.last, False
        if name != self.name or not number.isdecimal() or not self._first() - 1 <= int(number) <= self.last:
            return self.last, True
        return int(number), False

    async def listen(self, after: int) -> AsyncIterator[bytes | None]:
        """Encoded events behind number `after` in chunks as they come; None when it is time for a heartbeat.

        Ends when the hub is closed.
        """
        self.listeners += 1
        try:
            while not self.closed:
                if after >= self.last:
                    await self._news.wait()
                    if after >= self.last and not self.closed:
                        yield None
                elif after < self._first() - 1:
                    after = self.last
                    yield self.reset()
                else:
                    behind, after = self._behind(after), self.last
                    yield behind
        finally:
            self.listeners -= 1

    def greeting(self) -> bytes:
        """The first event: its id is where a client goes on that has seen no other."""
        return encode("hello", {}, f"{self.name}-{self.last}")

    def reset(self) -> bytes:
        """The event for a listener that has missed something."""
        return encode("reset", {}, f"{self.name}-{self.last}")

    def _first(self) -> int:
        return self._ring[0].number if self._ring else self.last + 1

    def _behind(self, after: int) -> bytes:
        if self._joined[:2] != (after, self.last):
            events = islice(self._ring, after + 1 - self._first(), None)
            self._joined = (after, self.last, b"".join(event.encoded for event in events))
        return self._joined[2]

    def _wake(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()
