"""The part of the host that makes pictures: the queue, where finished ones go, and when the device is free."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from .. import log
from ..errors import IsengardError
from ..generator import load_generator
from ..generator.comfyui.generator import ComfyUIGenerator
from ..generator.generation import Generation
from ..generator.interface import ComfyUIAt, Event
from ..generator.queue import GenerationQueue
from ..library import gallery
from ..library.store import Library
from ..sentences import Said
from ..trainer.job import JobFolder
from .hub import Hub

TRAINING = Said("busy.training", "a training is running")
"""Why others wait."""
_LOG = log.get("web.pictures")


class Trainings:
    """Knows whether a job of this library is being trained, by whatever program: its lock says so."""

    def __init__(self, library: Library) -> None:
        self._jobs = library.jobs

    def reason(self) -> str:
        """For `GenerationQueue`."""
        if not self._jobs.is_dir():
            return ""
        for lock in self._jobs.glob("*/lock"):
            try:
                if JobFolder(lock.parent).owner() is not None:
                    return TRAINING
            except (IsengardError, OSError) as problem:
                _LOG.warning("a job was passed over", job=lock.parent.name, problem=str(problem))
        return ""


class Pictures:
    """A part of the services. A training that needs the device calls `queue.make_room` first and `queue.go_on` last."""

    def __init__(self, library: Library, hub: Hub, comfyui: ComfyUIAt | None = None) -> None:
        self._library = library
        self._hub = hub
        self.queue = GenerationQueue(
            library.root / "generations",
            self._keep,
            Trainings(library),
            make=lambda name, logs: load_generator(name, logs, comfyui),
        )
        self._unlisten: Callable[[], None] | None = None

    @property
    def comfyui(self) -> ComfyUIGenerator:
        """The generator that knows what a ComfyUI has, and gives its graphs."""
        return cast("ComfyUIGenerator", self.queue.generator("comfyui"))

    async def start(self) -> None:
        """Takes up what was waiting."""
        self._unlisten = self.queue.listen(self._publish)
        await self.queue.start()

    async def stop(self) -> None:
        """Leaves what is not done for the next start."""
        await self.queue.stop()
        if self._unlisten is not None:
            self._unlisten()

    async def _keep(self, file: Path, settings: dict[str, Any]) -> str:
        picture = await asyncio.to_thread(gallery.add, self._library, file, settings)
        return picture.id

    def _publish(self, generation: Generation, event: Event) -> None:
        """Tells all pages; a preview's bytes are for those alone that follow the generation's own stream."""
        shown = {name: value for name, value in event.items() if name != "image"}
        self._hub.publish("generation", {"generation": generation.id, **shown})
