"""Live events for every page that is open: a ring that all listeners read, each at its own pace.

A slow listener holds no memory: when the ring has gone past it, it is told `reset` (load again what you show) and goes
on with what is new.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator
from typing import Any

from .framing import BEAT_SECONDS, encode
from .ring import Ring, Take, untaken

SIZE = 2000
"""Events that a listener may be behind."""


class Hub:
    """Use `publish` on the loop and `tell` from any thread."""

    def __init__(self) -> None:
        self.name = secrets.token_hex(3)
        """Numbers begin anew with every start of the server; this tells them apart."""
        self.last = 0
        """Number of the newest event."""
        self._ring = Ring(SIZE)
        self.loop: asyncio.AbstractEventLoop | None = None
        """The loop that all happens on."""

    @property
    def closed(self) -> bool:
        """Whether all streams have ended."""
        return self._ring.ended

    @property
    def listeners(self) -> int:
        """Pages that follow."""
        return self._ring.listeners

    def attach(self) -> None:
        """Names the loop that `tell` hands over to; call it there."""
        self.loop = asyncio.get_running_loop()
        self.loop.call_later(BEAT_SECONDS, self.beat)

    def publish(self, kind: str, data: dict[str, Any]) -> None:
        """Adds an event, encoded once for all listeners."""
        if self.closed:
            return
        self.last += 1
        self._ring.add(self.last, encode(kind, data, f"{self.name}-{self.last}"))
        self._ring.go_round()

    def tell(self, kind: str, data: dict[str, Any]) -> None:
        """`publish` from any thread."""
        if self.loop is not None and not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.publish, kind, data)

    def beat(self) -> None:
        """A heartbeat for listeners without news: one timer for all of them."""
        if self.loop is not None and not self.closed:
            self._ring.go_round(beat=True)
            self.loop.call_later(BEAT_SECONDS, self.beat)

    def close(self) -> None:
        """Ends all streams."""
        self._ring.end()

    def place(self, last_event_id: str) -> tuple[int, bool]:
        """Where a listener goes on, and whether it has missed something: then it must load again what it shows."""
        name, _, number = last_event_id.partition("-")
        if not last_event_id:
            return self.last, False
        if name != self.name or not number.isdecimal() or not self._first() - 1 <= int(number) <= self.last:
            return self.last, True
        return int(number), False

    async def listen(self, after: int, take: Take = untaken) -> AsyncGenerator[bytes | None, None]:
        """Encoded events behind number `after` in chunks as they come; None when it is time for a heartbeat.

        Only what `take` did not send at once. Ends when the hub is closed.
        """
        with self._ring.place(after, take) as place:
            while not self.closed:
                if self._ring.misses(place):
                    place.after = self.last
                    yield self.reset()
                elif chunk := self._ring.behind(place):
                    yield chunk
                elif not await place.news():
                    yield None

    def greeting(self) -> bytes:
        """The first event: its id is where a client goes on that has seen no other."""
        return encode("hello", {}, f"{self.name}-{self.last}")

    def reset(self) -> bytes:
        """The event for a listener that has missed something."""
        return encode("reset", {}, f"{self.name}-{self.last}")

    def _first(self) -> int:
        return self._ring.first or self.last + 1
