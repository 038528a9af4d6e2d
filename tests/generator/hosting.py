"""The library's and the trainings' side of the picture queue, for its tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from isengard.generator.interface import Event
from isengard.generator.queue import GenerationQueue
from isengard.tests.generator.made import Painter

WAIT = 240.0
"""Seconds to wait for what happens; only a hanging queue needs them."""


class Host:
    """Keeps pictures, says what uses the device, and paints."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kept: list[dict[str, Any]] = []
        self.busy = ""
        self.looks = 0
        """How often somebody has looked whether the device is busy."""
        self.painter = Painter()

    def reason(self) -> str:
        """For Busy."""
        self.looks += 1
        return self.busy

    async def keep(self, file: Path, settings: dict[str, Any]) -> str:
        """Takes a picture."""
        assert await asyncio.to_thread(file.is_file)
        self.kept.append(settings)
        return f"p{settings['seed']}"

    def queue(self) -> GenerationQueue:
        """A new queue on the same folder."""
        return GenerationQueue(self.folder, self.keep, self, make=lambda name, logs: self.painter)


async def follow(queue: GenerationQueue, generation_id: str, after: int = 0) -> list[tuple[int, Event]]:
    """All events of a generation, live, to the end."""

    async def read() -> list[tuple[int, Event]]:
        return [entry async for entry in queue.stream(generation_id, after)]

    return await asyncio.wait_for(read(), WAIT)


async def until(condition: Callable[[], object]) -> None:
    """Waits for something to become true."""

    async def look() -> None:
        while not condition():  # noqa: ASYNC110 (what is waited for is not ours to announce)
            await asyncio.sleep(0.01)

    await asyncio.wait_for(look(), WAIT)
