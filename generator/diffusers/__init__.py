"""Pictures by the diffusers library, in a process of its own: the embedded model, and FLUX.1 from its files.

`process.py` is the host’s side of that process, `child.py` what runs in it and how they speak.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

from ... import log
from ...errors import IsengardError, error_from
from ...sentences import Said
from ...trainer.pipelines import check_lora
from ..interface import Base, ComfyUIAt, Event, Readiness, check_toggles, filled_in
from ..request import GenerationRequest
from .process import Process

STEPS, GUIDANCE = 20, 3.5
IDLE_SECONDS = 300.0
"""A model that nobody uses for so long is let go, with its process."""
CANCEL_SECONDS = 2.0
"""A process that does not heed a cancelling for so long (it loads a model, or a step takes longer) is ended."""
_MISSING = {
    "controlnet": Said(
        "diffusers.controlnet",
        "ControlNet needs ComfyUI with a FLUX ControlNet file in models/controlnet: the generator “diffusers” has "
        "none.",
    ),
    "image_prompt": Said(
        "diffusers.image_prompt",
        "Like this picture needs ComfyUI with the FLUX Redux files (models/style_models and models/clip_vision) or the "
        "IP-Adapter pack: the generator “diffusers” has neither.",
    ),
    "face_detailer": Said(
        "diffusers.face_detailer",
        "FaceDetailer needs ComfyUI with the Impact Pack and its Subpack: the generator “diffusers” has no face "
        "detector.",
    ),
    "upscale": Said(
        "diffusers.upscale",
        "Upscale needs ComfyUI with an upscaling model in models/upscale_models: the generator “diffusers” has none.",
    ),
}
_LOG = log.get("generator.diffusers")


class DiffusersGenerator:
    """Holds the process while it is used, and some minutes longer."""

    name = "diffusers"
    own_queue = False

    def __init__(self, logs: Path, *, idle_seconds: float = IDLE_SECONDS) -> None:
        self._log_file = logs / "generator.log"
        self._idle_seconds = idle_seconds
        self._process: Process | None = None
        self._turn = asyncio.Lock()
        self._used = 0.0
        self._keeper: asyncio.Task[None] | None = None

    async def readiness(self, family: str) -> dict[str, Readiness]:
        """Pictures always; the toggles need graphs that only ComfyUI has."""
        missing = {name: Readiness(ready=False, reason=reason) for name, reason in _MISSING.items()}
        return {"pictures": Readiness(ready=True), **missing}

    def shares_device(self) -> bool:
        """Its process does."""
        return True

    async def bases(self, family: str) -> list[Base]:
        """The base files are given by path."""
        return []

    async def complete(self, values: dict[str, Any]) -> dict[str, Any]:
        """Both of its families are of one kind."""
        return filled_in(values, steps=STEPS, guidance=GUIDANCE)

    async def check(self, request: GenerationRequest) -> None:
        """The toggles and the LoRA files' headers; the base files are looked at by the process, which has torch."""
        check_toggles(request, await self.readiness(request.family))
        if request.family != "mini" and not request.base.transformer:
            raise IsengardError(
                "MODEL_MISSING",
                Said("model.none_for_pictures", "No FLUX.1-dev is known to make pictures with."),
                hint="Give a folder in diffusers' layout, or FLUX's files, as base.transformer (--transformer).",
            )
        if request.base.transformer and not await asyncio.to_thread(Path(request.base.transformer).exists):
            raise IsengardError("MODEL_MISSING", f"{request.base.transformer} does not exist.")
        for lora in request.loras:
            await asyncio.to_thread(check_lora, Path(lora.file), request.family)

    async def run(
        self, request: GenerationRequest, folder: Path, cancelled: asyncio.Event, *, first: int = 0
    ) -> AsyncGenerator[Event, None]:
        """See the interface. Raises GENERATOR_DIED, with the end of its log, if the process goes without a word."""
        await self.check(request)
        async with self._turn:
            if cancelled.is_set():
                return
            process = await self._running()
            finished = False
            try:
                process.send({"make": request.as_dict(), "folder": str(folder), "first": first})
                async with aclosing(_until_cancelled(process, cancelled)) as messages:
                    async for message in messages:
                        finished = message["type"] in ("finished", "stopped", "failed")
                        if message["type"] == "failed":
                            raise error_from(message)
                        if finished:
                            return
                        yield message
                if not cancelled.is_set():
                    raise process.explain_death()
            finally:
                if not finished:  # whoever listened has gone, or it did not answer: what it does is not wanted any more
                    self._process = None
                    await process.end(patience=0)
                self._used = time.monotonic()

    async def rest(self) -> None:
        """Ends the process, which gives back all memory at once."""
        async with self._turn:
            await self._let_go()

    async def close(self) -> None:
        """Ends the process whatever it does."""
        if self._keeper is not None:
            self._keeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeper
            self._keeper = None
        await self._let_go()

    async def _running(self) -> Process:
        if self._process is None or not self._process.alive:
            await self._let_go()
            self._process = await Process.start(self._log_file)
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep())
        return self._process

    async def _keep(self) -> None:
        """Lets an unused process go; ends when there is none."""
        while True:
            await asyncio.sleep(min(1.0, self._idle_seconds / 4))
            async with self._turn:
                if self._process is None or not self._process.alive:
                    self._keeper = None
                    return
                if time.monotonic() - self._used > self._idle_seconds:
                    _LOG.info("let go of the idle model")
                    await self._let_go()

    async def _let_go(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            await process.end()


async def _until_cancelled(process: Process, cancelled: asyncio.Event) -> AsyncGenerator[dict[str, Any], None]:
    """The process's messages; after a cancelling those of CANCEL_SECONDS more. Ends early if the process does."""
    stop = asyncio.ensure_future(cancelled.wait())
    line: asyncio.Future[dict[str, Any] | None] | None = None
    deadline: float | None = None
    try:
        while True:
            line = line or asyncio.ensure_future(process.read())
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            waiting: set[asyncio.Future[Any]] = {line} if stop.done() else {line, stop}
            await asyncio.wait(waiting, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if stop.done() and deadline is None:
                deadline = time.monotonic() + CANCEL_SECONDS
                process.send({"cancel": True})
            if line.done():
                message, line = line.result(), None
                if message is None:
                    return
                yield message
            elif deadline is not None and time.monotonic() >= deadline:
                return
    finally:
        tasks = [task for task in (line, stop) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def make(logs: Path, _comfyui: ComfyUIAt | None = None) -> DiffusersGenerator:
    """For the registry."""
    return DiffusersGenerator(logs)
