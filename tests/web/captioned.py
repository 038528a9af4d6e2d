"""Runs of captioners over HTTP, for the tests beside: asked for, waited for, and one that says what it is told."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Generator, Iterable
from typing import Any

from aiohttp.test_utils import TestClient

from isengard.library.captions.captioners.interface import CaptionRequest, CaptionResult, Readiness
from isengard.tests.web.server import PATIENCE

API = "/isengard"
Here = TestClient[Any, Any]


class Dictation:
    """A captioner that says what it is told, when it is told; the rest is real."""

    name = "dictation"
    uses_device = True

    def __init__(self) -> None:
        self.go = threading.Semaphore(0)
        self.asked = threading.Event()
        self.stopped = threading.Event()

    def ready(self) -> Readiness:
        return Readiness(True)

    def describe(self, photos: Iterable[CaptionRequest]) -> Generator[CaptionResult, None, None]:
        for number, request in enumerate(photos):
            self.asked.set()
            while not self.go.acquire(timeout=0.02) and not self.stopped.is_set():
                pass
            yield CaptionResult(photo=request.photo, caption=f"{request.trigger}, number {number}")

    def stop(self) -> None:
        self.stopped.set()


async def ask(here: Here, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """Status and JSON."""
    async with here.request(method, API + path, **({} if body is None else {"json": body})) as response:
        return response.status, await response.json()


async def until(here: Here, run: str, seen: Callable[[Any], bool]) -> Any:
    """Asks until a run is as wanted."""
    deadline = time.monotonic() + PATIENCE
    while not seen(found := (await ask(here, "GET", f"/captioning/{run}"))[1]):
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.02)
    return found


async def over(here: Here, run: str) -> Any:
    """A run when it is over."""
    return await until(here, run, lambda found: found["state"] not in ("waiting", "running"))


async def captions(here: Here) -> dict[str, str]:
    """Ada's, by photo."""
    _, found = await ask(here, "GET", "/characters/ada/images")
    return {photo["file"]: photo["caption"] for photo in found["photos"]}
