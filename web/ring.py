"""Encoded events that many read: a listener is a place in a ring, and what is new is handed round, a few at a time.

A listener whose connection has room is given it in passing: no task wakes up for that. Others wake up, wait for their
client, and go on from where they are. The event loop looks after all else between one few and the next.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice

from .framing import BEAT

_A_FEW = 20
"""Listeners: as many as are served in about half a millisecond."""
Take = Callable[[bytes], bool]
"""Sends to a listener at once; False: its task is to see to it, since there is no room or nobody to read."""


def untaken(_data: bytes) -> bool:
    """For listeners that are told in their own task."""
    return False


class Place:
    """How far one listener has got."""

    def __init__(self, after: int, take: Take) -> None:
        self.after = after
        """Number of the last event that it was given."""
        self.take = take
        self._told: asyncio.Future[bool] | None = None

    @property
    def waits(self) -> bool:
        """Whether its task sleeps."""
        return self._told is not None and not self._told.done()

    async def news(self) -> bool:
        """Sleeps until the listener must see for itself what there is; False: it is time for a heartbeat, no more."""
        self._told = asyncio.get_running_loop().create_future()
        return await self._told

    def tell(self, news: bool) -> None:
        """Wakes its task."""
        if self._told is not None and not self._told.done():
            self._told.set_result(news)


class Ring:
    """The last so many events of one kind of stream. All happens on the loop."""

    def __init__(self, size: int) -> None:
        self.ended = False
        self._events: deque[tuple[int, bytes]] = deque(maxlen=size)
        self._places: dict[Place, None] = {}
        self._joined = (0, 0, b"")
        """What was last given: behind which number, up to which, and the bytes. Most are at the same place."""
        self._round: Iterator[Place] | None = None
        self._once_more: bool | None = None
        """Another round is to follow; True: with a heartbeat."""

    @property
    def first(self) -> int:
        """Number of the oldest event; 0 if there is none."""
        return self._events[0][0] if self._events else 0

    @property
    def last(self) -> int:
        """Number of the newest event; 0 if there is none."""
        return self._events[-1][0] if self._events else 0

    @property
    def listeners(self) -> int:
        """How many there are."""
        return len(self._places)

    @contextmanager
    def place(self, after: int, take: Take = untaken) -> Iterator[Place]:
        """A listener's, for as long as it listens."""
        place = Place(after, take)
        self._places[place] = None
        try:
            yield place
        finally:
            del self._places[place]

    def add(self, number: int, encoded: bytes) -> None:
        """Adds an event; its number is larger than all before. Nobody is told yet."""
        self._events.append((number, encoded))

    def misses(self, place: Place) -> bool:
        """Whether events that the listener was not given are gone from the ring."""
        return place.after < self.first - 1

    def behind(self, place: Place) -> bytes:
        """What the listener was not given yet; it counts as given now."""
        chunk = self._since(place.after)
        place.after = max(place.after, self.last)
        return chunk

    def go_round(self, *, beat: bool = False) -> None:
        """Soon gives all who wait what is new, and with `beat` the others a heartbeat."""
        if self._round is None:
            self._begin(beat)
        else:
            self._once_more = beat or bool(self._once_more)

    def end(self) -> None:
        """Wakes everybody for good: who listens sees that it is over."""
        self.ended = True
        for place in self._places:
            place.tell(True)

    def _begin(self, beat: bool) -> None:
        self._round, self._once_more = iter(tuple(self._places)), None
        asyncio.get_running_loop().call_soon(self._serve_a_few, beat)

    def _serve_a_few(self, beat: bool) -> None:
        assert self._round is not None
        few = list(islice(self._round, _A_FEW))
        for place in few:
            if place.waits:
                self._serve(place, beat)
        if few:
            asyncio.get_running_loop().call_soon(self._serve_a_few, beat)
        elif self._once_more is not None:
            self._begin(self._once_more)
        else:
            self._round = None

    def _serve(self, place: Place, beat: bool) -> None:
        if self.misses(place):
            place.tell(True)
        elif place.after < self.last:
            if place.take(self._since(place.after)):
                place.after = self.last
            else:
                place.tell(True)
        elif beat and not place.take(BEAT):
            place.tell(False)

    def _since(self, after: int) -> bytes:
        if self._joined[:2] != (after, self.last):
            found: list[bytes] = []
            for number, encoded in reversed(self._events):
                if number <= after:
                    break
                found.append(encoded)
            self._joined = (after, self.last, b"".join(reversed(found)))
        return self._joined[2]
