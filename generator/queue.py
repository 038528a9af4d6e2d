"""The queue of generations: one after the other, not beside a training unless asked, and none lost by a restart.

Each generation is a small JSON file in a folder of the queue's, beside the pictures that are just being made.
"""

from __future__ import annotations

import asyncio
import secrets
import shutil
import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from .. import log
from ..errors import IsengardError
from ..files import read_json, told_plainly, write_json
from . import load_generator
from .interface import LAST, Busy, Event, Generator, Readiness
from .request import GenerationRequest, request_from_dict

FORMAT = 1
KEPT = 100
"""Generations that are over and can still be looked at; their pictures are in the gallery."""
_ATTEMPTS = 2
"""A generation that was running when the host went is begun again so often: it may be what made the host go."""
_BUSY_POLL = 1.0
_LOG = log.get("generator.queue")

Sink = Callable[[Path, dict[str, Any]], Awaitable[str]]
"""Takes a finished picture's file and its settings, keeps it, and gives its name in the gallery."""
Listener = Callable[["Generation", Event], None]


@dataclass
class Generation:
    """One request on its way."""

    id: str
    request: GenerationRequest
    created: str
    beside_training: bool = False
    """Whether it may run while something else uses the device."""
    correlation_id: str = ""
    attempt: int = 0
    state: str = "queued"
    """queued, running, done, cancelled or failed."""
    reason: str = ""
    """Why it waits, if it is not only the order."""
    pictures: list[str] = field(default_factory=list)
    """Names in the gallery, of those that are done."""
    error: dict[str, Any] | None = None
    events: list[tuple[int, Event]] = field(default_factory=list, repr=False)
    """Numbered from 1. Of progress, loading and previews only the latest is kept, so that a slow client costs
    nothing."""
    _count: int = field(default=0, repr=False)
    _news: asyncio.Condition = field(default_factory=asyncio.Condition, repr=False)
    _cancelled: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    @property
    def over(self) -> bool:
        """Whether nothing more comes."""
        return self.state in LAST

    @property
    def progress(self) -> Event:
        """The latest progress event; empty before the first step."""
        return next((event for _, event in reversed(self.events) if event["type"] == "progress"), {})

    def as_dict(self) -> dict[str, Any]:
        """For the file."""
        values = {name: getattr(self, name) for name in _FIELDS}
        return {"format": FORMAT, **values, "request": self.request.as_dict()}


_FIELDS = ("id", "created", "beside_training", "correlation_id", "attempt", "state", "pictures", "error")
_LATEST_ONLY = ("progress", "preview", "loading", "queued")


class GenerationQueue:
    """Make it, `start` it, `submit` to it, `stop` it. All methods belong to one event loop."""

    def __init__(
        self, folder: Path, sink: Sink, busy: Busy, *, make: Callable[[str, Path], Generator] = load_generator
    ) -> None:
        self._folder = folder
        self._sink = sink
        self._busy = busy
        self._make = make
        self._generators: dict[str, Generator] = {}
        self._all: dict[str, Generation] = {}
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._listeners: list[Listener] = []
        self._running: Generation | None = None
        self._held = ""
        self._writing = threading.Lock()

    async def start(self) -> None:
        """Takes up what was waiting when the host went, and begins."""
        await asyncio.to_thread(self._take_up)
        self._tasks = [asyncio.create_task(self._work()), asyncio.create_task(self._give_way())]

    async def stop(self) -> None:
        """Ends what runs; it is taken up again by the next start. Returns when no process is left."""
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        self._tasks = []
        for generator in self._generators.values():
            await generator.close()
        self._generators.clear()

    async def submit(
        self, request: GenerationRequest, *, beside_training: bool = False, correlation_id: str = ""
    ) -> Generation:
        """Puts a request at the end of the queue. Raises what `Generator.check` raises, GENERATOR_NOT_READY."""
        await self.generator(request.generator).check(request)
        moment = datetime.now(timezone.utc)
        generation = Generation(
            id=f"{moment:%Y%m%d-%H%M%S}-{secrets.token_hex(4)}",
            request=request,
            created=moment.isoformat(timespec="microseconds"),
            beside_training=beside_training,
            correlation_id=correlation_id,
        )
        await self._save(generation)
        self._all[generation.id] = generation
        await self._tell_order()
        self._wake.set()
        return generation

    def get(self, generation_id: str) -> Generation:
        """One generation. Raises GENERATION_MISSING."""
        if generation_id not in self._all:
            raise IsengardError("GENERATION_MISSING", f"There is no generation {generation_id[:60]!r}.")
        return self._all[generation_id]

    def list_all(self) -> list[Generation]:
        """All that are known, oldest first."""
        return sorted(self._all.values(), key=lambda one: (one.created, one.id))

    @property
    def running(self) -> Generation | None:
        """What is being made now."""
        return self._running

    async def cancel(self, generation_id: str) -> Generation:
        """Stops a generation, whether it waits or runs; pictures that are done stay. Raises GENERATION_MISSING."""
        generation = self.get(generation_id)
        generation._cancelled.set()
        if generation.state == "queued":
            await self._end(generation, "cancelled", pictures=generation.pictures)
            await self._tell_order()
        return generation

    async def stream(self, generation_id: str, after: int = 0) -> AsyncGenerator[tuple[int, Event], None]:
        """Numbered events from behind number `after`, live, up to the last one. Raises GENERATION_MISSING."""
        generation = self.get(generation_id)
        after = after if 0 <= after <= generation._count else 0  # numbers begin anew when the host does
        while True:
            for number, event in [entry for entry in generation.events if entry[0] > after]:
                after = number
                yield number, event
            if any(event["type"] in LAST for _, event in generation.events):
                return
            async with generation._news:
                while generation._count <= after:
                    await generation._news.wait()

    async def readiness(self, name: str, family: str) -> dict[str, Readiness]:
        """What a generator can do with a family. Raises GENERATOR_NOT_READY."""
        return await self.generator(name).readiness(family)

    async def make_room(self, reason: str) -> None:
        """For something that needs the device: begins nothing new, unless it was asked to run beside, waits for what is
        running, and gives back the memory of loaded models. `reason` is told to those who wait. Until `go_on`."""
        self._held = reason
        for generator in list(self._generators.values()):
            await generator.rest()

    def go_on(self) -> None:
        """Ends what `make_room` began."""
        self._held = ""

    def generator(self, name: str) -> Generator:
        """The generator of that name, made on first use."""
        if name not in self._generators:
            self._generators[name] = self._make(name, self._folder)
        return self._generators[name]

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Calls `listener` with every event of every generation. Returns what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    async def _work(self) -> None:
        while True:
            waiting = [one for one in self.list_all() if one.state == "queued"]
            busy = (self._held or self._busy.reason()) if waiting else ""
            if generation := next((one for one in waiting if one.beside_training or not busy), None):
                await self._run(generation)
            elif waiting:
                await self._explain(waiting, busy)
                await asyncio.sleep(_BUSY_POLL)
            else:
                self._wake.clear()
                await self._wake.wait()

    async def _explain(self, waiting: list[Generation], reason: str) -> None:
        for generation in waiting:
            generation.reason = reason
        await self._tell_order()

    async def _give_way(self) -> None:
        """Lets go of loaded models that nobody uses as soon as something else needs the device."""
        while True:
            await asyncio.sleep(2 * _BUSY_POLL)
            if self._generators and self._running is None and self._busy.reason():
                for generator in list(self._generators.values()):
                    await generator.rest()

    async def _run(self, generation: Generation) -> None:
        started = time.monotonic()
        self._running, generation.state, generation.reason = generation, "running", ""
        generation.attempt += 1
        scratch = self._folder / generation.id
        log.bind(correlation_id=generation.correlation_id, generation=generation.id)
        try:
            await self._save(generation)
            await self._tell_order()
            await asyncio.to_thread(_make_folder, scratch)
            await self._make_pictures(generation, scratch)
            if generation._cancelled.is_set() and len(generation.pictures) < generation.request.count:
                await self._end(generation, "cancelled", pictures=generation.pictures)
            else:
                seconds = round(time.monotonic() - started, 1)
                await self._end(generation, "done", seconds=seconds, pictures=generation.pictures)
        except IsengardError as error:
            generation.error = error.as_dict()
            _LOG.warning(str(error))
            await self._end(generation, "failed", **{**generation.error, "details": _shown(error)})
        except asyncio.CancelledError:  # the host ends in order: nothing is wrong with this request
            if not generation.over:
                generation.state, generation.attempt = "queued", generation.attempt - 1
                self._write(generation)
            raise
        except Exception as problem:  # noqa: BLE001 (one request must not end the queue)
            _LOG.exception("unforeseen failure")
            generation.error = IsengardError("INTERNAL", f"{type(problem).__name__}: {problem}.").as_dict()
            await self._end(generation, "failed", **generation.error)
        finally:
            self._running = None
            shutil.rmtree(scratch, ignore_errors=True)

    async def _make_pictures(self, generation: Generation, scratch: Path) -> None:
        request = generation.request
        run = self.generator(request.generator).run(
            request, scratch, generation._cancelled, first=len(generation.pictures)
        )
        async with aclosing(run) as events:
            async for event in events:
                if event["type"] != "picture":
                    await self._tell(generation, event)
                    continue
                name = await self._sink(Path(event["file"]), request.settings(event["picture"]))
                generation.pictures.append(name)
                await self._save(generation)
                kept = {key: value for key, value in event.items() if key != "file"}
                await self._tell(generation, {**kept, "id": name})

    async def _end(self, generation: Generation, state: str, **values: Any) -> None:
        generation.state = state
        with suppress(IsengardError):  # a full disk must not keep the client from hearing of the end
            await self._save(generation)
        await self._tell(generation, {"type": state, **values})
        await self._forget_old()

    async def _tell(self, generation: Generation, event: Event) -> None:
        kind = event["type"]
        if kind in _LATEST_ONLY or kind in LAST:
            stale = {kind} if kind in _LATEST_ONLY else set(_LATEST_ONLY) - {"progress"}
            generation.events[:] = [entry for entry in generation.events if entry[1]["type"] not in stale]
        async with generation._news:
            generation._count += 1
            generation.events.append((generation._count, event))
            generation._news.notify_all()
        for listener in list(self._listeners):
            listener(generation, event)

    async def _tell_order(self) -> None:
        waiting = [one for one in self.list_all() if one.state == "queued"]
        for position, generation in enumerate(waiting):
            event = {"type": "queued", "position": position, "reason": generation.reason}
            if not any(known == event for _, known in generation.events):
                await self._tell(generation, event)

    async def _save(self, generation: Generation) -> None:
        await asyncio.to_thread(self._write, generation)

    def _write(self, generation: Generation) -> None:
        """Writes what is true at that moment: a thread that comes late, after a cancelled task, writes nothing old."""
        with self._writing:
            _make_folder(self._folder)
            write_json(self._folder / f"{generation.id}.json", generation.as_dict())

    async def _forget_old(self) -> None:
        over = [one for one in self.list_all() if one.over]
        for generation in over[: max(0, len(over) - KEPT)]:
            self._all.pop(generation.id, None)
            with suppress(OSError):
                (self._folder / f"{generation.id}.json").unlink(missing_ok=True)

    def _take_up(self) -> None:
        """Reads what is on the disk. What was running is queued again, from the first picture that is not kept yet."""
        for path in sorted(self._folder.glob("*.json")):
            try:
                generation = _read(path)
            except (IsengardError, KeyError, TypeError) as problem:
                _LOG.warning("a generation was passed over", file=path.name, problem=str(problem))
                continue
            shutil.rmtree(self._folder / generation.id, ignore_errors=True)
            if generation.state == "running":
                generation.state = "queued"
                if generation.attempt >= _ATTEMPTS:
                    message = "The program ended while these pictures were being made, more than once."
                    generation.state = "failed"
                    generation.error = IsengardError("GENERATOR_DIED", message).as_dict()
                self._write(generation)
            if generation.over:
                values = generation.error or {"pictures": generation.pictures}
                generation._count = 1
                generation.events.append((1, {"type": generation.state, **values}))
            self._all[generation.id] = generation


def _read(path: Path) -> Generation:
    values = read_json(path, "LIBRARY_CORRUPT")
    request = request_from_dict(values["request"])
    return Generation(request=request, **{name: values[name] for name in _FIELDS})


def _make_folder(folder: Path) -> None:
    with told_plainly(folder):
        folder.mkdir(parents=True, exist_ok=True)


def _shown(error: IsengardError) -> dict[str, Any]:
    """What of an error's details a client gets: not the log's end, which names folders."""
    return {name: value for name, value in error.details.items() if name != "tail"}
