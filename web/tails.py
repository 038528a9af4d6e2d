"""Follows the event files of jobs, each once for all who listen, whoever writes them.

What is new goes into a ring for the job's own streams, in full, and to the hub with progress and losses thinned out.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import log
from ..errors import IsengardError
from ..library.jobs import Jobs
from ..library.redaction import Redaction
from ..trainer.job import ACTIVE
from .following import Follower
from .framing import BEAT_SECONDS, encode
from .hub import Hub
from .ring import Ring, Take, untaken

TICK_SECONDS = 0.25
_SCAN_TICKS = 8
"""Every so many ticks all jobs are looked at, not only those that run or are listened to."""
_RING = 1000
_BATCH = 500
"""Events that are read from a file at once for a listener who is behind."""
_THINNED = ("progress", "loss", "gpu")
"""Of these the hub gets the last one of a tick."""
_TELLING = ("state", "warning", "error")
_BEAT_TICKS = round(BEAT_SECONDS / TICK_SECONDS)
_LOG = log.get("web.tails")


@dataclass
class Tail:
    """One job that is followed."""

    job: str
    follower: Follower
    ring: Ring = field(default_factory=lambda: Ring(_RING))
    listeners: int = 0
    state: str = ""
    """Empty: not known yet."""
    gone: bool = False
    """Whether the job can't be read any more; mostly it was deleted."""

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return self.gone or self.state == "done"

    def end_if_over(self) -> None:
        """Wakes the listeners for the last time."""
        if self.over:
            self.ring.end()


class Tails:
    """A part of the services. All but the reading of files happens on the loop."""

    def __init__(
        self, jobs: Jobs, hub: Hub, redaction: Redaction, run: Callable[..., Any], looked_after: Callable[[], None]
    ) -> None:
        self._jobs, self._hub, self._redaction, self._run = jobs, hub, redaction, run
        self._looked_after = looked_after
        self._tails: dict[str, Tail] = {}
        self._sizes: dict[str, int] = {}
        self._poke = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.closed = False

    async def start(self) -> None:
        """Begins to follow; what happened before is not told again."""
        self._sizes = await self._run(self._scan)
        self._task = asyncio.ensure_future(self._follow())

    def close(self) -> None:
        """Ends all streams."""
        self.closed = True
        for tail in self._tails.values():
            tail.ring.end()

    async def stop(self) -> None:
        """Ends the following."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def poke(self) -> None:
        """Looks at all jobs now; call it on the loop after a change."""
        self._poke.set()

    @contextmanager
    def listening(self, job_id: str) -> Iterator[Tail]:
        """Follows a job for as long as somebody listens."""
        tail = self._tails.get(job_id)
        if tail is None:
            tail = self._tails[job_id] = Tail(job_id, Follower.at_end(*self._place(job_id)))
        tail.listeners += 1
        try:
            yield tail
        finally:
            tail.listeners -= 1

    async def events(self, tail: Tail, after: int, take: Take = untaken) -> AsyncGenerator[bytes | None, None]:
        """Encoded events behind number `after`, first from the file, then as they come; None for a heartbeat.

        Only what `take` did not send at once. Ends when the server stops, and when all of a job that is done was given
        out.
        """
        with tail.ring.place(after, take) as place:
            while not self.closed:
                if not tail.ring.first or tail.ring.misses(place):
                    last, chunk = await self._run(self._catch_up, tail.job, place.after)
                    if last > place.after:
                        place.after = last
                        yield chunk
                        continue
                if chunk := tail.ring.behind(place):
                    yield chunk
                elif not tail.state and not tail.gone:
                    await self._run(self._learn, tail)
                elif tail.over:
                    last, chunk = await self._run(self._catch_up, tail.job, place.after)
                    if last > place.after:
                        yield chunk
                    return
                elif not await place.news():
                    yield None

    def _learn(self, tail: Tail) -> None:
        """The state of a job that was not followed before."""
        try:
            tail.state = self._jobs.get(tail.job).state.state
        except IsengardError:
            tail.gone = True

    def _catch_up(self, job_id: str, after: int) -> tuple[int, bytes]:
        """The next events of a file behind a number, some hundred at a time."""
        found: list[bytes] = []
        last = after
        with suppress(FileNotFoundError), self._jobs.folder(job_id).events_file.open("rb") as stream:
            for line in stream:
                if not line.endswith(b"\n") or len(found) >= _BATCH:
                    break
                seq = _seq(line)
                if seq <= after:
                    continue
                with suppress(ValueError, TypeError):
                    event = json.loads(line)
                    self._settle(job_id, event)
                    found.append(self._encoded(event))
                last = seq
        return last, b"".join(found)

    async def _follow(self) -> None:
        tick = 0
        while True:
            try:
                if tick % _SCAN_TICKS == 0 or self._poke.is_set():
                    self._poke.clear()
                    await self._find()
                await self._read()
            except asyncio.CancelledError:
                raise
            except Exception:  # noqa: BLE001 (a disk that is away for a moment must not end all streams)
                _LOG.exception("jobs could not be followed")
            tick += 1
            if tick % _BEAT_TICKS == 0:
                for tail in self._tails.values():
                    tail.ring.go_round(beat=True)
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._poke.wait(), TICK_SECONDS)

    async def _find(self) -> None:
        """Follows jobs that run or whose files have grown; lets go of those that rest."""
        known = list(self._tails.items())  # of a job that is made while we look the look tells nothing
        sizes = await self._run(self._scan)
        for job_id, size in sizes.items():
            before = self._sizes.get(job_id, 0)
            if job_id not in self._tails and size != before:
                path = self._place(job_id)[0]
                self._tails[job_id] = Tail(job_id, Follower.at_end(path, before))
        if sizes.keys() != self._sizes.keys():
            self._hub.publish("jobs", {"changed": sorted(sizes.keys() ^ self._sizes.keys())})
        self._sizes = sizes
        for job_id, tail in known:
            if tail.gone or job_id not in sizes or not (tail.listeners or tail.state in ("", *ACTIVE)):
                del self._tails[job_id]
                self._sizes[job_id] = tail.follower.offset
                tail.gone = True
                tail.ring.end()

    def _scan(self) -> dict[str, int]:
        """Size of each job's event file; also marks those whose process is gone."""
        self._looked_after()
        found = {}
        for job_id in self._jobs.ids():
            path, _ = self._place(job_id)
            try:
                found[job_id] = path.stat().st_size
            except OSError:
                found[job_id] = 0
        return found

    async def _read(self) -> None:
        for tail, events in await self._run(self._read_all, list(self._tails.values())):
            for event in events:
                tail.ring.add(event["seq"], self._encoded(event))
                if event["type"] == "state":
                    tail.state = str(event.get("state", tail.state))
            for event in _thinned(events):
                self._hub.publish("job", {"job": tail.job, **self._shown(event)})
            tail.ring.go_round()
            tail.end_if_over()

    def _read_all(self, tails: list[Tail]) -> list[tuple[Tail, list[dict[str, Any]]]]:
        """What is new of each, read in a thread."""
        found = []
        for tail in tails:
            if not tail.state:
                with suppress(IsengardError, OSError):
                    tail.state = self._jobs.get(tail.job).state.state
            if events := tail.follower.read():
                for event in events:
                    self._settle(tail.job, event)
                found.append((tail, events))
        return found

    def _settle(self, job_id: str, event: dict[str, Any]) -> None:
        """Whoever hears that a job is done can use its LoRA: reading the job registers it."""
        if event.get("type") == "state" and event.get("state") == "done":
            with suppress(IsengardError, OSError):  # what was read of others with it must not be lost
                self._jobs.get(job_id)

    def _encoded(self, event: dict[str, Any]) -> bytes:
        return encode(str(event.get("type", "")), self._shown(event), event["seq"])

    def _shown(self, event: dict[str, Any]) -> dict[str, Any]:
        """Paths and the like are taken out where there can be some."""
        return dict(self._redaction.values(event)) if event.get("type") in _TELLING else event

    def _place(self, job_id: str) -> tuple[Path, int]:
        path = self._jobs.path(job_id) / "events.jsonl"
        return path, self._sizes.get(job_id, 0)


def _thinned(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """All events of a tick but for the frequent ones, of which the last of each kind stays."""
    last = {(event["type"], event.get("phase")): event["seq"] for event in events}
    return [
        event
        for event in events
        if event["type"] not in _THINNED or last[event["type"], event.get("phase")] == event["seq"]
    ]


def _seq(line: bytes) -> int:
    """The number in a line of the event file, without parsing the rest: it stands near the front."""
    at = line.find(b'"seq":')
    digits = line[at + 6 : at + 26].lstrip().split(b",")[0]
    return int(digits) if at >= 0 and digits.isdigit() else 0
