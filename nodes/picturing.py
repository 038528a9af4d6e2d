"""Makes pictures with the embedded model, in the generator's own process, for nodes."""

from __future__ import annotations

import asyncio
import base64
import io
import queue
import threading
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import settings
from ..generator import load_generator
from ..generator.request import GenerationRequest, LoraUse
from ..library.scratch import workspace
from ..library.shared import the_library
from . import background, tensors
from .prompting import worded

if TYPE_CHECKING:
    from PIL import Image

    from ..generator.interface import Generator
    from .training import Canvas

_POLL_SECONDS = 0.1
_GENERATORS: list[Generator] = []
"""The generator, once there is one: its process stays for some minutes after the last picture."""


def mini_request(
    prompt: str, lora: Path | None, trigger_word: str, *, strength: float, width: int, height: int, count: int,
    seed: int, steps: int,
) -> GenerationRequest:  # fmt: skip
    """What IsengardMini's inputs ask for; the trigger word is put in even where the LoRA is off. Raises
    GENERATION_INVALID, GRAPH_INCOMPLETE."""
    prompt = worded(prompt, trigger_word)
    uses = (LoraUse(file=str(lora), strength=strength, trigger_word=trigger_word),) if lora and strength else ()
    return GenerationRequest(
        prompt=prompt, family="mini", loras=uses, width=width, height=height, count=count, seed=seed, steps=steps
    )


def make(request: GenerationRequest, canvas: Canvas) -> list[Image.Image]:
    """The pictures; fewer if the canvas was interrupted. Raises what the generator raises."""
    with workspace(the_library().scratch, "pictures") as desk:
        return _Making(request, desk.path).follow(canvas)


class _Making:
    """One request on the background loop."""

    def __init__(self, request: GenerationRequest, folder: Path) -> None:
        self._request, self._folder = request, folder
        self._events: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._over = threading.Event()
        self._problem: BaseException | None = None
        self._cancelled = asyncio.Event()

    def follow(self, canvas: Canvas) -> list[Image.Image]:
        """Shows what happens until the end; whatever goes wrong with that, the work has ended, too."""
        pictures: list[Image.Image] = []
        background.submit(self._run())
        try:
            last = False
            while not last:
                last = self._over.wait(_POLL_SECONDS)
                while not self._events.empty():
                    self._show(self._events.get(), canvas, pictures)
                if canvas.interrupted():
                    self._cancel()
        finally:
            self._cancel()
            self._over.wait()
        if self._problem is not None and not canvas.interrupted():
            raise self._problem
        return pictures

    def _cancel(self) -> None:
        background.the_loop().call_soon_threadsafe(self._cancelled.set)

    async def _run(self) -> None:
        try:
            if not _GENERATORS:
                logs = settings.volume_root() / "logs"
                logs.mkdir(exist_ok=True)
                _GENERATORS.append(load_generator("diffusers", logs))
            async with aclosing(_GENERATORS[0].run(self._request, self._folder, self._cancelled)) as events:
                async for event in events:
                    self._events.put(event)
        except Exception as problem:  # noqa: BLE001 (the node raises it on its own thread)
            self._problem = problem
        finally:
            self._over.set()

    def _show(self, event: dict[str, Any], canvas: Canvas, pictures: list[Image.Image]) -> None:
        count, steps = self._request.count, self._request.steps
        kind = event["type"]
        if kind == "picture":
            pictures.append(tensors.load(Path(event["file"])))
        elif kind == "progress":
            canvas.show(event["picture"] * steps + event["step"], count * steps)
        elif kind == "preview":
            canvas.show(event["picture"] * steps + event["step"], count * steps, _decoded(event["image"]))
        elif kind in ("loading", "warning"):
            canvas.say(str(event["message"]))


def _decoded(image: str) -> Image.Image:
    from PIL import Image

    with Image.open(io.BytesIO(base64.b64decode(image))) as picture:
        return picture.convert("RGB")
