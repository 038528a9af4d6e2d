"""What the generator's tests make pictures of and with: requests, LoRA files, and a generator that only paints."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from isengard.generator.interface import Base, Event, Generator, Readiness, check_toggles, filled_in
from isengard.generator.request import TOGGLES, GenerationRequest
from isengard.media.png import write_png

PROMPT = "a woman, smiling, wearing a red sweater, plain blue background, portrait"


def mini(**changes: Any) -> GenerationRequest:
    """A request that the embedded model carries out in a moment."""
    return GenerationRequest(**{"prompt": PROMPT, "family": "mini", "steps": 3, "seed": 5, **changes})


async def all_events(
    generator: Generator, request: GenerationRequest, folder: Path, cancelled: asyncio.Event | None = None
) -> list[Event]:
    """What a generator says to a request, to the end."""
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    async with aclosing(generator.run(request, folder, cancelled or asyncio.Event())) as events:
        return [event async for event in events]


class Painter:
    """Paints a colour that follows from the seed, a step every few milliseconds: a generator without torch."""

    name = "painter"

    def __init__(
        self, seconds: float = 0.005, *, own_queue: bool = False, on_device: bool = True, stays_at: int | None = None
    ) -> None:
        self._seconds = seconds
        self._on_device = on_device
        self.own_queue = own_queue
        self.stays_at = stays_at
        """A picture that is begun and goes on until somebody stops it."""
        self.waits = asyncio.Event()
        """Set: what is handed over begins."""
        self.waits.set()
        self.rests = 0
        self.rests_with: Exception | None = None
        self.closed = False
        self.fail_with: Exception | None = None
        self.seen: list[tuple[int, int]] = []
        """Seed and picture of everything painted."""

    async def readiness(self, family: str) -> dict[str, Readiness]:
        """Pictures only."""
        missing = {name: Readiness(ready=False, reason=f"The painter can't do {name}.") for name in TOGGLES}
        return {"pictures": Readiness(ready=True), **missing}

    def shares_device(self) -> bool:
        """As it was made."""
        return self._on_device

    async def bases(self, family: str) -> list[Base]:
        """None."""
        return []

    async def complete(self, values: dict[str, Any]) -> dict[str, Any]:
        """Steps."""
        return filled_in(values, steps=3, guidance=1.0)

    async def check(self, request: GenerationRequest) -> None:
        """Refuses toggles."""
        check_toggles(request, await self.readiness(request.family))

    async def run(
        self, request: GenerationRequest, folder: Path, cancelled: asyncio.Event, *, first: int = 0
    ) -> AsyncGenerator[Event, None]:
        """Paints."""
        if self.fail_with is not None:
            raise self.fail_with
        if not self.waits.is_set():
            yield {"type": "queued", "position": 1, "reason": "somebody else paints"}
            await self.waits.wait()
        for picture in range(first, request.count):
            if picture == self.stays_at:
                await cancelled.wait()
            for step in range(request.steps + 1):
                if cancelled.is_set():
                    return
                await asyncio.sleep(self._seconds)
                yield {
                    "type": "progress",
                    "picture": picture,
                    "step": step,
                    "steps": request.steps,
                    "count": request.count,
                }
                yield {"type": "preview", "picture": picture, "step": step, "image": "x" * 10_000}
            file = folder / f"{picture}.png"
            write_png(Image.new("RGB", request.size, (request.seed % 256, picture, 0)), file, request.settings(picture))
            self.seen.append((request.seed, picture))
            yield {"type": "picture", "picture": picture, "seed": request.seed + picture, "file": str(file)}

    async def rest(self) -> None:
        """Counts."""
        self.rests += 1
        if self.rests_with is not None:
            raise self.rests_with

    async def close(self) -> None:
        """Notes it."""
        self.closed = True


def pixels(path: Path) -> np.ndarray[Any, Any]:
    """A picture's pixels."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"), dtype=np.int16)
