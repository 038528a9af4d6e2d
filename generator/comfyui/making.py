"""Carries a request out in ComfyUI: its prompts put into the queue, followed, their pictures fetched."""

from __future__ import annotations

import asyncio
import io
import uuid
from collections.abc import AsyncGenerator
from contextlib import ExitStack, aclosing, suppress
from pathlib import Path

from ... import log
from ...errors import IsengardError
from ...files import told_plainly
from ...media.png import write_png
from ..interface import Event
from ..request import GenerationRequest
from .answers import End
from .blocks.keeping import KEPT
from .client import Client
from .following import Followed, follow
from .graph import Prompt
from .listening import Ear, Inbox

_NAMESPACE = uuid.UUID("6d1f0c9e-0f3e-4d53-9a35-5c1c8a3a7b52")
"""For prompts' ids: they follow from generation and picture, so that a host that was killed finds them again."""
_RETRIES = 50
_LOG = log.get("generator.comfyui")


class Making:
    """One request, on its way through ComfyUI's queue."""

    def __init__(self, client: Client, ear: Ear, request: GenerationRequest, folder: Path) -> None:
        self._client = client
        self._ear = ear
        self._request = request
        self._folder = folder
        self._unfinished: list[str] = []

    async def make(self, graphs: dict[int, Prompt], cancelled: asyncio.Event) -> AsyncGenerator[Event, None]:
        """Events of all pictures, in order. If a prompt is cancelled or taken away, the others are taken back too."""
        await self._ear.open()
        with ExitStack() as stack:
            try:
                prompts, inboxes = await self._put(graphs, stack)
                for number, prompt in prompts.items():
                    end = None
                    async with aclosing(follow(self._client, prompt, inboxes[number], cancelled)) as events:
                        async for event in events:
                            if isinstance(event, End):
                                end = event
                            else:
                                yield event
                    if end is None or end.how == "interrupted":
                        return
                    self._unfinished.remove(prompt.id)
                    if end.how == "error":
                        raise end.error()
                    file = await self._fetch(end, number)
                    yield {"type": "picture", "picture": number, "seed": self._request.seed + number, "file": str(file)}
            finally:
                await self._take_back()

    async def _put(self, graphs: dict[int, Prompt], stack: ExitStack) -> tuple[dict[int, Followed], dict[int, Inbox]]:
        """Hands over what ComfyUI does not know yet."""
        ids = {number: await self._id(number) for number in graphs}
        running, waiting = await self._client.queue()
        inboxes = {number: stack.enter_context(self._ear.hear(prompt_id)) for number, prompt_id in ids.items()}
        for number, graph in graphs.items():
            self._unfinished.append(ids[number])
            if ids[number] not in (*running, *waiting) and await self._client.end_of(ids[number]) is None:
                note = {"generation": self._folder.name, "picture": number}
                await self._client.put(graph, ids[number], self._ear.client_id, note)
        mine = frozenset(ids.values())
        return {number: self._followed(number, ids[number], graphs[number], mine) for number in graphs}, inboxes

    def _followed(self, number: int, prompt_id: str, graph: Prompt, mine: frozenset[str]) -> Followed:
        return Followed(
            id=prompt_id,
            picture=number,
            count=self._request.count,
            steps=self._request.steps,
            titles={name: str(node["_meta"]["title"]) for name, node in graph.items()},
            mine=mine,
        )

    async def _id(self, number: int) -> str:
        """The same for the same picture, unless a prompt of that id did not end well."""
        for attempt in range(_RETRIES):
            prompt_id = str(uuid.uuid5(_NAMESPACE, f"{self._folder.name}/{number}/{attempt}"))
            end = await self._client.end_of(prompt_id)
            if end is None or end.how == "success":
                return prompt_id
        return str(uuid.uuid4())

    async def _fetch(self, end: End, number: int) -> Path:
        found = end.images(KEPT)
        if not found:
            raise IsengardError("COMFYUI_FAILED", "ComfyUI ended without a picture.", hint="Look at ComfyUI's log.")
        data = await self._client.view(found[-1])
        file = self._folder / f"{number:02d}.png"
        await asyncio.to_thread(_write, data, file, self._request.settings(number))
        return file

    async def _take_back(self) -> None:
        """What nobody waits for any more need not be made."""
        if self._unfinished:
            with suppress(asyncio.TimeoutError):
                try:
                    await asyncio.wait_for(self._client.take_back(self._unfinished), 5)
                except IsengardError as problem:
                    _LOG.warning("prompts could not be taken back", code=problem.code, problem=problem.message)


def _write(data: bytes, file: Path, settings: dict[str, object]) -> None:
    """Writes the picture with our settings in place of ComfyUI's notes."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            picture = image.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as problem:
        raise IsengardError("COMFYUI_FAILED", "ComfyUI sent no whole PNG picture.") from problem
    with told_plainly(file):
        file.parent.mkdir(parents=True, exist_ok=True)
    write_png(picture, file, settings)
