"""What a generator must offer, and the events that a request leads to.

| event | its values | meaning |
|---|---|---|
| queued | position, reason, said | waits; 0 is next; the reason in words if it is not only the order, and its code |
| loading | message | the model or a LoRA is being loaded |
| progress | picture, step, steps, count | a step of picture 0…count-1 is done |
| preview | picture, step, image | a small JPEG of how it looks by now, in base64 |
| picture | picture, seed, file | it is written; the queue puts it into the gallery and gives its `id` for the file |
| warning | message | something a person should know |
| done | seconds, pictures | all are made |
| cancelled | pictures | stopped by request; what was made by then stays |
| failed | code, message, hint, said | |

A generator yields loading, progress, preview, picture and warning, and queued if it has a queue of its own. The last
three come from our queue, and queued too as long as a request waits there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from .. import settings
from ..errors import IsengardError
from ..sentences import several
from .request import TOGGLES, GenerationRequest

Event = dict[str, Any]
"""`type` and the values of the table above."""
LAST = ("done", "cancelled", "failed")
"""Types of the event that ends a generation."""


@dataclass(frozen=True, kw_only=True)
class ComfyUIAt:
    """The ComfyUI that a host's FLUX pictures come from."""

    address: Callable[[], str] = settings.comfyui_url
    """Where it answers; empty: there is none."""
    inside: bool = False
    """Whether it is the program that runs us."""


@dataclass(frozen=True)
class Get:
    """Something to be got before a feature works: a file, or another ComfyUI pack."""

    what: str
    """The file's or the pack's name."""
    source: str
    """Where it is to be had, as an address."""
    folder: str
    """Where it belongs, counted from ComfyUI's folder."""


@dataclass(frozen=True, kw_only=True)
class Readiness:
    """Whether a generator can do something, and if not, why."""

    ready: bool
    reason: str = ""
    """What is missing and where to get it, as a sentence for people."""
    get: tuple[Get, ...] = ()
    """The same, piece by piece."""
    choices: Mapping[str, Readiness] = field(default_factory=dict)
    """Where a toggle can be had in several ways, each of them; it is ready if one is."""


@dataclass(frozen=True, kw_only=True)
class Base:
    """A base model's file that pictures can be made with, and what suits it."""

    name: str
    """As `base.transformer` of a request takes it."""
    title: str
    steps: int
    guidance: float


class Generator(Protocol):
    """Turns requests into pictures."""

    name: str
    own_queue: bool
    """Whether it puts requests into a queue of its own: they are handed over at once, and followed beside each other.
    Else it is given one at a time."""

    def shares_device(self) -> bool:
        """Whether what uses this host's device stands in its way."""

    async def readiness(self, family: str) -> dict[str, Readiness]:
        """For `pictures` and every toggle of `request.TOGGLES`: whether it can run with that family."""

    async def bases(self, family: str) -> list[Base]:
        """The files of that family that can be chosen, the best first; none if there is nothing to choose."""

    async def complete(self, values: dict[str, Any]) -> dict[str, Any]:
        """A request's JSON values with what was left open (missing or None) chosen: steps, guidance, base files, ways.

        Raises FEATURE_NOT_READY or MODEL_MISSING if there is nothing to choose from.
        """

    async def check(self, request: GenerationRequest) -> None:
        """Looks whether the request can be carried out, without loading anything.

        Raises FEATURE_NOT_READY naming every toggle that can't run, and what is wrong with a file.
        """

    def run(
        self, request: GenerationRequest, folder: Path, cancelled: asyncio.Event, *, first: int = 0
    ) -> AsyncGenerator[Event, None]:
        """Makes the pictures `first` … count-1 into `folder` and yields events; ends early once `cancelled` is set, or
        if somebody took it out of the generator's own queue. The folder's name is the same if it is taken up again.

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
        raise IsengardError("FEATURE_NOT_READY", several(missing), problems=missing)


def filled_in(values: dict[str, Any], **defaults: Any) -> dict[str, Any]:
    """JSON values with defaults in place of what is missing or None."""
    return {**values, **{name: value for name, value in defaults.items() if values.get(name) is None}}
