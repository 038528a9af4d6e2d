"""One websocket to ComfyUI for all prompts that are followed; what it says is handed to whoever follows the prompt.

It makes progress quick to see and nothing depends on it: what is true is asked over HTTP.
"""

from __future__ import annotations

import asyncio
import json
import struct
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import aiohttp

from ... import log
from .client import Client

Message = tuple[str, dict[str, Any]]
"""Its kind and what it says; `preview` has the picture's bytes as `image`."""
Inbox = asyncio.Queue[Message]
_PREVIEW_WITH_NOTES = 4
"""Number of the binary message that says which prompt a preview belongs to."""
_PATIENCE = 5.0
_AGAIN_SECONDS = 2.0
_LOG = log.get("generator.comfyui")


class Ear:
    """Connected while somebody follows a prompt."""

    def __init__(self, client: Client) -> None:
        self.client_id = uuid.uuid4().hex
        self._client = client
        self._inboxes: dict[str, Inbox] = {}
        self._connected = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @contextmanager
    def hear(self, prompt_id: str) -> Iterator[Inbox]:
        """Gathers what is said about a prompt."""
        inbox = self._inboxes[prompt_id] = asyncio.Queue()
        try:
            yield inbox
        finally:
            self._inboxes.pop(prompt_id, None)

    async def open(self) -> None:
        """Connects, so that nothing is missed; goes on without if that does not work soon."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._listen())
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._connected.wait(), _PATIENCE)

    async def close(self) -> None:
        """Disconnects; whoever opens it meanwhile gets a connection of its own."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _listen(self) -> None:
        while True:
            address = f"{self._client.url('/ws')}?clientId={self.client_id}"
            try:
                async with self._client.session.ws_connect(
                    address, ssl=self._client.tls, heartbeat=20, max_msg_size=2**26
                ) as socket:
                    wishes = {"type": "feature_flags", "data": {"supports_preview_metadata": True}}
                    await socket.send_json(wishes)
                    self._connected.set()
                    async for message in socket:
                        self._take(message.type, message.data)
            except (aiohttp.ClientError, OSError, asyncio.TimeoutError) as problem:
                _LOG.info("no websocket to ComfyUI", problem=str(problem))
            finally:
                self._connected.clear()
            await asyncio.sleep(_AGAIN_SECONDS)

    def _take(self, form: aiohttp.WSMsgType, data: Any) -> None:
        kind, values = "", {}
        with suppress(ValueError, TypeError, AttributeError, struct.error):
            if form is aiohttp.WSMsgType.TEXT:
                found = json.loads(data)
                kind, values = str(found["type"]), dict(found["data"])
            elif form is aiohttp.WSMsgType.BINARY:
                kind, values = "preview", _preview(data)
        if (inbox := self._inboxes.get(str(values.get("prompt_id", "")))) is not None:
            inbox.put_nowait((kind, values))


def _preview(data: bytes) -> dict[str, Any]:
    """Number of the kind, length of the notes, notes as JSON, picture."""
    kind, length = struct.unpack_from(">II", data)
    if kind != _PREVIEW_WITH_NOTES:
        return {}
    return {**json.loads(data[8 : 8 + length]), "image": data[8 + length :]}
