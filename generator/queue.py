"""The queue of generations: in order, not beside a training unless asked, and none lost by a restart.

What runs on this host's device runs one after the other. What goes to a generator with a queue of its own is handed
over at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

from .. import log
from ..errors import IsengardError
from ..sentences import as_said
from . import PREFERRED, load_generator
from .generation import Generation
from .interface import Base, Busy, Event, Generator, Readiness
from .records import Records
from .request import GenerationRequest

KEPT = 100
"""Generations that are over and can still be looked at; their pictures are in the gallery."""
_BUSY_POLL = 1.0
_LOG = log.get("generator.queue")

Sink = Callable[[Path, dict[str, Any]], Awaitable[str]]
"""Takes a finished picture's file and its settings, keeps it, and gives its name in the gallery."""
Listener = Callable[[Generation, Event], None]


class GenerationQueue:
    """Make it, `start` it, `submit` to it, `stop` it. All methods belong to one event loop."""

    def __init__(
        self, folder: Path, sink: Sink, busy: Busy, *, make: Callable[[str, Path], Generator] = load_generator
    ) -> None:
        self._records = Records(folder)
        self._sink = sink
        self._busy = busy
        self._make = make
        self._generators: dict[str, Generator] = {}
        self._all: dict[str, Generation] = {}
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._runs: dict[str, asyncio.Task[None]] = {}
        """What is being made or was handed over, by generation."""
        self._listeners: list[Listener] = []
        self._held = ""

    async def start(self) -> None:
        """Takes up what was waiting when the host went, and begins."""
        found = await asyncio.to_thread(lambda: list(self._records.take_up()))
        self._all |= {generation.id: generation for generation in found}
        self._tasks = [asyncio.create_task(self._work()), asyncio.create_task(self._give_way())]

    async def stop(self) -> None:
        """Ends what runs; it is taken up again by the next start. Returns when no process is left."""
        tasks = [*self._tasks, *self._runs.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks = []
        for generator in self._generators.values():
            await generator.close()
        self._generators.clear()

    async def submit(
        self, request: GenerationRequest, *, beside_training: bool = False, correlation_id: str = ""
    ) -> Generation:
        """Puts a request at the end of the queue. Raises what `Generator.check` raises, GENERATOR_NOT_READY."""
        await self.generator(request.generator).check(request)
        generation = Generation.begin(request, beside_training=beside_training, correlation_id=correlation_id)
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
    def running(self) -> list[Generation]:
        """What is being made now, or was handed over; oldest first."""
        return [one for one in self.list_all() if one.id in self._runs]

    async def cancel(self, generation_id: str) -> Generation:
        """Stops a generation, whether it waits or runs; pictures that are done stay. Raises GENERATION_MISSING."""
        generation = self.get(generation_id)
        generation.cancelled.set()
        if generation.state == "queued" and generation.id not in self._runs:
            await self._end(generation, "cancelled", pictures=generation.pictures)
            await self._tell_order()
        return generation

    def stream(self, generation_id: str, after: int = 0) -> AsyncGenerator[tuple[int, Event], None]:
        """Numbered events from behind number `after`, live, up to the last one. Raises GENERATION_MISSING."""
        return self.get(generation_id).stream(after)

    async def readiness(self, name: str, family: str) -> dict[str, Readiness]:
        """What a generator can do with a family. Raises GENERATOR_NOT_READY."""
        return await self.generator(name).readiness(family)

    async def best(self, family: str) -> str:
        """Name of the first generator that is ready for a family; of the last if none is."""
        for name in PREFERRED:
            if (await self.readiness(name, family))["pictures"].ready:
                break
        return name

    async def bases(self, name: str, family: str) -> list[Base]:
        """See `Generator.bases`. Raises GENERATOR_NOT_READY."""
        return await self.generator(name).bases(family)

    async def complete(self, name: str, values: dict[str, Any]) -> dict[str, Any]:
        """See `Generator.complete`. Raises GENERATOR_NOT_READY."""
        return await self.generator(name).complete(values)

    async def make_room(self, reason: str) -> None:
        """For something that needs the device: begins nothing new, unless it was asked to run beside, waits for what is
        running, and gives back the memory of loaded models. `reason` is told to those who wait. Until `go_on`."""
        self._held = reason
        begun = [self._runs[one.id] for one in self.running if self.generator(one.request.generator).shares_device()]
        if begun:
            await asyncio.wait(begun)
        await self._rest()

    def go_on(self) -> None:
        """Ends what `make_room` began."""
        self._held = ""

    def generator(self, name: str) -> Generator:
        """The generator of that name, made on first use."""
        if name not in self._generators:
            self._generators[name] = self._make(name, self._records.folder)
        return self._generators[name]

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Calls `listener` with every event of every generation. Returns what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def _waiting(self) -> list[Generation]:
        return [one for one in self.list_all() if one.state == "queued" and one.id not in self._runs]

    async def _work(self) -> None:
        while True:
            self._wake.clear()
            try:
                await self._begin_what_can()
            except Exception:  # noqa: BLE001 (a disk that is away for a moment must not end the queue)
                _LOG.exception("the queue could not be looked at")
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._wake.wait(), _BUSY_POLL if self._waiting() else None)

    async def _begin_what_can(self) -> None:
        if self._waiting():
            busy = await self._reason()
            refused = []
            for generation in self._waiting():
                try:
                    self._begin(generation, busy)
                except IsengardError as error:  # out of a library from elsewhere: a generator that is only planned
                    refused.append((generation, error))
            for generation, problem in refused:
                await self._fail(generation, problem)
            await self._tell_order()

    async def _reason(self) -> str:
        """What uses the device; empty if it is free. Looking for that touches the disk."""
        busy = await asyncio.to_thread(self._busy.reason)
        return self._held or busy

    def _begin(self, generation: Generation, busy: str) -> None:
        """Begins it if nothing stands in its way; else notes what does."""
        generator = self.generator(generation.request.generator)
        generation.reason = busy if generator.shares_device() and not generation.beside_training else ""
        if not generation.reason and (generator.own_queue or not self._device_is_used()):
            self._runs[generation.id] = asyncio.create_task(self._run(generation))

    def _device_is_used(self) -> bool:
        return any(not self.generator(one.request.generator).own_queue for one in self.running)

    async def _give_way(self) -> None:
        """Lets go of loaded models that nobody uses as soon as something else needs the device."""
        while True:
            await asyncio.sleep(2 * _BUSY_POLL)
            try:
                if self._generators and not self._device_is_used() and await self._reason():
                    await self._rest()
            except Exception:  # noqa: BLE001 (as above)
                _LOG.exception("nobody could be asked to rest")

    async def _rest(self) -> None:
        for generator in list(self._generators.values()):
            if generator.shares_device():
                try:
                    await generator.rest()
                except IsengardError as problem:  # a ComfyUI that is gone holds no memory
                    _LOG.warning("a generator could not rest", generator=generator.name, code=problem.code)

    async def _run(self, generation: Generation) -> None:
        started = time.monotonic()
        log.bind(correlation_id=generation.correlation_id, generation=generation.id)
        try:
            await self._mark(generation, "running")
            await self._make_pictures(generation, await asyncio.to_thread(self._records.make_scratch, generation))
            if len(generation.pictures) < generation.request.count:  # here or in the generator's own queue
                await self._end(generation, "cancelled", pictures=generation.pictures)
            else:
                seconds = round(time.monotonic() - started, 1)
                await self._end(generation, "done", seconds=seconds, pictures=generation.pictures)
        except IsengardError as error:
            _LOG.warning(str(error))
            await self._fail(generation, error)
        except asyncio.CancelledError:  # the host ends in order: nothing is wrong with this request
            if not generation.over:
                generation.go_to("queued")
                self._records.try_to_write(generation)
            raise
        except Exception as problem:  # noqa: BLE001 (one request must not end the queue)
            _LOG.exception("unforeseen failure")
            await self._fail(generation, IsengardError("INTERNAL", f"{type(problem).__name__}: {problem}."))
        finally:
            self._runs.pop(generation.id, None)
            self._records.clear_scratch(generation)
            self._wake.set()

    async def _make_pictures(self, generation: Generation, scratch: Path) -> None:
        request = generation.request
        run = self.generator(request.generator).run(
            request, scratch, generation.cancelled, first=len(generation.pictures)
        )
        async with aclosing(run) as events:
            async for event in events:
                await self._mark(generation, "queued" if event["type"] == "queued" else "running")
                generation.reason = event.get("reason", "")
                if event["type"] != "picture":
                    await self._tell(generation, event)
                    continue
                name = await self._sink(Path(event["file"]), request.settings(event["picture"]))
                generation.pictures.append(name)
                await self._save(generation)
                kept = {key: value for key, value in event.items() if key != "file"}
                await self._tell(generation, {**kept, "id": name})

    async def _mark(self, generation: Generation, state: str) -> None:
        if generation.state != state:
            generation.go_to(state)
            await self._save(generation)
            await self._tell_order()

    async def _fail(self, generation: Generation, error: IsengardError) -> None:
        await self._end(generation, "failed", **generation.failed_of(error))

    async def _end(self, generation: Generation, state: str, **values: Any) -> None:
        generation.state, generation.reason = state, ""
        await asyncio.to_thread(self._records.try_to_write, generation)  # the client must hear of the end in any case
        await self._tell(generation, {"type": state, **values})
        await self._forget_old()

    async def _tell(self, generation: Generation, event: Event) -> None:
        await generation.tell(event)
        for listener in list(self._listeners):
            listener(generation, event)

    async def _tell_order(self) -> None:
        for position, generation in enumerate(self._waiting()):
            reason = generation.reason
            event = {"type": "queued", "position": position, "reason": reason, "said": as_said(reason)}
            if not generation.knows(event):
                await self._tell(generation, event)

    async def _save(self, generation: Generation) -> None:
        await asyncio.to_thread(self._records.write, generation)

    async def _forget_old(self) -> None:
        over = [one for one in self.list_all() if one.over]
        for generation in over[: max(0, len(over) - KEPT)]:
            self._all.pop(generation.id, None)
            await asyncio.to_thread(self._records.forget, generation)
