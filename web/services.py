"""What handlers work with: library, jobs, queue and live events; made once, started and stopped with the host."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, ParamSpec, Protocol, TypeVar

from .. import log, settings
from ..generator.interface import ComfyUIAt
from ..library import leftovers
from ..library.jobs import Jobs
from ..library.redaction import Redaction
from ..library.shared import open_library
from ..library.store import Library
from .adopting import adopting
from .beside import Beside
from .captioning import Captioning
from .hub import Hub
from .lag import Lag
from .pictures import TRAINING, Pictures, Trainings
from .queue import StandaloneQueue
from .queue_interface import Queue
from .rating import rating
from .tails import Tails
from .threads import run_in

P = ParamSpec("P")
T = TypeVar("T")
_THREADS = 8
_UPLOADS = 3
"""Uploads that are taken in at the same time; others wait, and their clients with them."""
_LOG = log.get("web.services")


class Part(Protocol):
    """Something that runs beside the requests, e.g. a queue."""

    async def start(self) -> None:
        """Begins its work."""

    async def stop(self) -> None:
        """Ends it, in order; what is running is left so that it can be taken up again."""


@dataclass
class Services:
    """Handlers reach all else through this. Made by `make_services`."""

    library: Library
    jobs: Jobs
    queue: Queue
    hub: Hub
    tails: Tails
    pool: ThreadPoolExecutor
    redaction: Redaction
    pictures: Pictures
    adopting: Beside
    """Takes in what was put into a character's folder."""
    rating: Beside
    """Measures how like the person a job's samples are."""
    captioning: Captioning
    lag: Lag
    lists: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="isengard-lists")
    )
    """For questions to the index: several threads that step through rows wait for each other more than they work."""
    uploads: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_UPLOADS))
    host: Literal["standalone", "comfyui"] = "standalone"
    on_network: bool = False
    """Whether others than this machine's users may ask."""
    parts: list[Part] = field(default_factory=list)
    """Started in this order, stopped in the other."""
    unlisten: Callable[[], None] = lambda: None
    """Ends what the library was asked to tell: inside ComfyUI it outlives services that did not begin."""
    _started: list[Part] = field(default_factory=list)
    _tidying: asyncio.Future[int] | None = None

    @property
    def server_log(self) -> Path:
        """Where the server writes its log."""
        return self.library.root / "logs" / "server.jsonl"

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs what reads or writes files in one of a few threads, with this task's logging context."""
        return await run_in(self.pool, function, *args, **kwargs)

    async def look(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`run` for what asks the index, one after the other."""
        return await run_in(self.lists, function, *args, **kwargs)

    async def start(self) -> None:
        """Starts all parts."""
        for part in self.parts:
            await part.start()
            self._started.append(part)
        self._tidying = asyncio.ensure_future(self.run(leftovers.clear, self.library))

    def close_streams(self) -> None:
        """Ends what goes on for ever, so that nobody waits for it."""
        self.hub.close()
        self.tails.close()

    async def stop(self) -> None:
        """Ends the streams, then the parts."""
        self.close_streams()
        for part in reversed(self._started):
            try:
                await part.stop()
            except Exception:  # noqa: BLE001 (the others must be stopped as well)
                _LOG.exception("a part did not stop in order", part=type(part).__name__)
        self._started.clear()
        if self._tidying is not None:
            await self._tidying
        self.unlisten()
        await self.run(self.library.close)
        for pool in (self.lists, self.pool):
            await asyncio.get_running_loop().run_in_executor(None, pool.shutdown)


def make_services(
    root: Path | None = None,
    *,
    host: Literal["standalone", "comfyui"] = "standalone",
    on_network: bool = False,
    secrets: tuple[str, ...] = (),
    library: Library | None = None,
    make_queue: Callable[[Jobs, Callable[[], None]], Queue] | None = None,
    comfyui: ComfyUIAt | None = None,
) -> Services:
    """Opens the library, unless one is given, and puts everything together; nothing runs before `Services.start`.

    `make_queue` makes another queue than the standalone host's, given the jobs and what to call when it changes;
    `comfyui` is another ComfyUI for pictures than the one at COMFYUI_URL. Reads files.
    """
    library = library or open_library(root)
    (library.root / "logs").mkdir(exist_ok=True)
    places = {"Isengard": settings.PACK}
    if place := settings.comfyui_path():
        places["ComfyUI"] = place
    redaction = Redaction(library.root, places, secrets)
    pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="isengard")
    hub, jobs = Hub(), Jobs(library)
    pictures = Pictures(library, hub, comfyui)
    queue: Queue

    def changed() -> None:
        hub.tell("queue", {"running": queue.running})

    if make_queue is not None:
        queue = make_queue(jobs, changed)
    else:
        queue = StandaloneQueue(
            jobs, library.jobs / "queue.json", changed=changed, room=lambda wanted: _room(hub, pictures, wanted)
        )

    async def run(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await run_in(pool, function, *args, **kwargs)

    tails = Tails(jobs, hub, redaction, run, lambda: jobs.mark_all_gone(queue.running))
    unlisten = library.listen(lambda slugs: hub.tell("library", {"characters": sorted(slugs)}))
    taking_in, measuring, lag = adopting(library, run), rating(library, jobs, hub, run), Lag()
    captions = Captioning(library, lambda told: hub.tell("captioning", told), Trainings(library).reason)
    return Services(
        library=library, jobs=jobs, queue=queue, hub=hub, tails=tails, pool=pool, redaction=redaction, host=host,
        pictures=pictures, adopting=taking_in, rating=measuring, captioning=captions, lag=lag, on_network=on_network,
        unlisten=unlisten,
        parts=[*([lag] if host == "standalone" else []), tails, taking_in, measuring, captions, pictures, queue],
    )  # fmt: skip


def _room(hub: Hub, pictures: Pictures, wanted: bool) -> Future[None] | None:
    """Has the picture queue rest while a training needs the device; called on the training queue's thread."""
    assert hub.loop is not None
    if wanted:
        resting = pictures.queue.make_room(TRAINING)
        return asyncio.run_coroutine_threadsafe(resting, hub.loop)
    hub.loop.call_soon_threadsafe(pictures.queue.go_on)
    return None
