"""Follows one prompt to its end: by what the websocket says, and by queue and history, which are the truth."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ...errors import IsengardError
from ...sentences import Said
from ..interface import Event
from .answers import End
from .blocks.sampling import SAMPLES
from .client import Client
from .listening import Inbox, Message

LOOK_SECONDS = 1.5
"""How often queue and history are looked at while the websocket says nothing."""
PATIENCE_SECONDS = 60.0
"""How long a ComfyUI may not answer before a prompt is given up: it may be busy loading a model."""
_AT_WORK: Event = {"type": "loading", "message": "ComfyUI is working"}
_ENDS = ("execution_success", "execution_error", "execution_interrupted")


@dataclass(frozen=True, kw_only=True)
class Followed:
    """The prompt of one picture."""

    id: str
    picture: int
    count: int
    steps: int
    titles: dict[str, str]
    """What its nodes do, in words."""
    mine: frozenset[str]
    """Ids of all prompts of the same request: those are nobody else's that it waits for."""


async def follow(
    client: Client, prompt: Followed, inbox: Inbox, cancelled: asyncio.Event
) -> AsyncGenerator[Event | End, None]:
    """Events, then the end as the last thing; no end if it was cancelled here or taken away there.

    Raises COMFYUI_UNREACHABLE after a while without answers, COMFYUI_FAILED if ComfyUI was begun anew meanwhile.
    """
    silent_since: float | None = None
    lost, step = False, 0
    last: Event = {}
    message: Message | None = None
    while not cancelled.is_set():
        if message is not None and message[0] not in _ENDS:
            for event in _told(prompt, *message):
                if event["type"] == "loading" and last.get("type") in ("progress", "preview"):
                    continue  # the rest of the graph belongs to the making
                step = event.get("step", step)
                last = {**event, "step": step} if event["type"] == "preview" else event
                yield last
        else:
            try:
                found = await _look(client, prompt)
                silent_since = None
            except IsengardError as problem:
                silent_since, lost = silent_since or time.monotonic(), True
                if problem.code != "COMFYUI_UNREACHABLE" or time.monotonic() - silent_since > PATIENCE_SECONDS:
                    raise
                found = last
            if found is None and lost:
                raise IsengardError(
                    "COMFYUI_FAILED", "ComfyUI was ended while the picture was being made.", hint="Ask for it again."
                )
            if found is None:
                return
            lost = lost and silent_since is not None  # it still knows the prompt: it was only slow to answer
            if isinstance(found, End):
                yield found
                return
            if found != last and (found["type"] == "queued" or last.get("type", "queued") == "queued"):
                last = found
                yield found
        message = await _next(inbox, cancelled)


async def _next(inbox: Inbox, cancelled: asyncio.Event) -> Message | None:
    """The next message; None if none comes for a while, or if it was cancelled."""
    tasks = [asyncio.ensure_future(inbox.get()), asyncio.ensure_future(cancelled.wait())]
    try:
        await asyncio.wait(tasks, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        return tasks[0].result() if tasks[0].done() else None  # type: ignore[return-value]
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task


async def _look(client: Client, prompt: Followed) -> Event | End | None:
    """The end, or where it stands; None if ComfyUI knows nothing of it."""
    if end := await client.end_of(prompt.id):
        return end
    running, waiting = await client.queue()
    if prompt.id in waiting:
        return _place([*running, *waiting[: waiting.index(prompt.id)]], prompt)
    if prompt.id in running:
        return _AT_WORK
    return await client.end_of(prompt.id)  # it may have ended between the two questions


def _place(before: list[str], prompt: Followed) -> Event:
    others = len([one for one in before if one not in prompt.mine])
    if not others:
        return _AT_WORK
    what = "something else" if others == 1 else f"{others} other prompts"
    reason = Said("busy.comfyui", f"ComfyUI works on {what} first", n=others)
    return {"type": "queued", "position": others, "reason": reason, "said": reason.as_dict()}


def _told(prompt: Followed, kind: str, values: dict[str, Any]) -> list[Event]:
    """Our events for a message of ComfyUI's."""
    where = {"picture": prompt.picture}
    if kind == "progress" and values.get("max", 0) > 1 and values.get("node", SAMPLES) == SAMPLES:
        step, steps = int(values["value"]), int(values["max"])
        return [{"type": "progress", **where, "step": step, "steps": steps, "count": prompt.count}]
    if kind == "preview":
        image = base64.b64encode(values["image"]).decode()
        return [{"type": "preview", **where, "image": image}]
    if kind == "executing" and values.get("node"):
        return [{"type": "loading", "message": prompt.titles.get(str(values["node"]), "ComfyUI is working")}]
    return []
