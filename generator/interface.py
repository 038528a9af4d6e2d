"""What a generator must offer, and the events that a request leads to.

| event | its values | meaning |
|---|---|---|
| queued | position, reason | waits; 0 is next; the reason in words if it is not only the order |
| loading | message | the model or a LoRA is being loaded |
| progress | picture, step, steps, count | a step of picture 0…count-1 is done |
| preview | picture, step, image | a small JPEG of how it looks by now, in base64 |
| picture | picture, seed, file | it is written; the queue puts it into the gallery and gives its `id` for the file |
| warning | message | something a person should know |
| done | seconds, pictures | all are made |
| cancelled | pictures | stopped by request; what was made by then stays |
| failed | code, message, hint | |

A generator yields loading, progress, preview, picture and warning. queued and the last three come from the queue.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ..errors import IsengardError
from .request import TOGGLES, GenerationRequest

Event = dict[str, Any]
"""`type` and the values of the table above."""
LAST = ("done", "cancelled", "failed")
"""Types of the event that ends a generation."""


@dataclass(frozen=True, kw_only=True)
class Readiness:
    """Whether a generator can do something, and if not, why."""

    ready: bool
    reason: str = ""
    """What is missing and where to get it, as a sentence for people."""


class Generator(Protocol):
    """Turns requests into pictures, one request at a time."""

    name: str
    title: str
    """For people."""

    async def readiness(self, family: str) -> dict[str, Readiness]:
        """For `pictures` and every toggle of `request.TOGGLES`: whether it can run with that family."""

    async def check(self, request: GenerationRequest) -> None:
        """Looks whether the request can be carried out, without loading anything.

        Raises FEATURE_NOT_READY naming every toggle that can't run, and what is wrong with a file.
        """

    def run(
        self, request: GenerationRequest, folder: Path, cancelled: asyncio.Event, *, first: int = 0
    ) -> AsyncGenerator[Event, None]:
        """Makes the pictures `first` … count-1 into `folder` and yields events; ends early once `cancelled` is set.

        Each picture is a PNG that carries its settings; whoever listens may move it away. Raises what made it fail.
        Whoever stops listening closes the iterator (`aclosing`), which stops the work.
        """

    async def rest(self) -> None:
        """Gives back the memory that loaded models hold; the next request loads them again."""

    async def close(self) -> None:
        """Ends what belongs to it."""


class Busy(Protocol):
    """Knows whether something else uses the device that pictures are made on."""

    def reason(self) -> str:
        """What uses it, as words that fit after “waits, because”: `a training is running`; empty if it is free."""


def check_toggles(request: GenerationRequest, readiness: dict[str, Readiness]) -> None:
    """Raises FEATURE_NOT_READY for what the request asks for and can't be done: nothing is left out silently."""
    names = ("pictures", *(name for name in TOGGLES if getattr(request, name) is not None))
    missing = [readiness[name].reason for name in names if not readiness[name].ready]
    if missing:
        raise IsengardError("FEATURE_NOT_READY", " ".join(missing), problems=missing)
