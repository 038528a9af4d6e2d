"""One generation on its way: where it stands, and its events, numbered for those who come late or come again."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ..errors import IsengardError
from ..files import read_json
from .interface import LAST, Event
from .request import GenerationRequest, request_from_dict

FORMAT = 1
_FIELDS = ("created", "beside_training", "correlation_id", "attempt", "state", "pictures", "error")
_STATES = ("queued", "running", *LAST)
_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,59}")
"""It names a folder that is removed, so it must not lead anywhere: a library may come from a stranger."""
_LATEST_ONLY = ("progress", "preview", "loading", "queued")


@dataclass
class Generation:
    """One request on its way."""

    id: str
    request: GenerationRequest
    created: str
    beside_training: bool = False
    """Whether it may run while something else uses the device."""
    correlation_id: str = ""
    attempt: int = 0
    state: str = "queued"
    """queued, running, done, cancelled or failed."""
    reason: str = ""
    """Why it waits, if it is not only the order."""
    pictures: list[str] = field(default_factory=list)
    """Names in the gallery, of those that are done."""
    error: dict[str, Any] | None = None
    events: list[tuple[int, Event]] = field(default_factory=list, repr=False)
    """Numbered from 1. Of progress, loading and previews only the latest is kept, so that a slow client costs
    nothing."""
    cancelled: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    """Set once it is not wanted any more."""
    _count: int = field(default=0, repr=False)
    _news: asyncio.Condition = field(default_factory=asyncio.Condition, repr=False)

    @classmethod
    def begin(cls, request: GenerationRequest, *, beside_training: bool, correlation_id: str) -> Generation:
        """A new one, which waits."""
        moment = datetime.now(timezone.utc)
        return cls(
            id=f"{moment:%Y%m%d-%H%M%S}-{secrets.token_hex(4)}",
            request=request,
            created=moment.isoformat(timespec="microseconds"),
            beside_training=beside_training,
            correlation_id=correlation_id,
        )

    @classmethod
    def read(cls, path: Path) -> Generation:
        """From its file, whose name is its id. Raises LIBRARY_NEWER, and LIBRARY_CORRUPT or GENERATION_INVALID for one
        that is damaged."""
        values = read_json(path, "LIBRARY_CORRUPT")
        try:
            if values.get("format", FORMAT) > FORMAT:
                raise IsengardError("LIBRARY_NEWER", f"{path.name} was written by a newer version of Isengard.")
            kept = {name: values[name] for name in _FIELDS}
            if not (_ID.fullmatch(path.stem) and _fits(**kept)):
                raise ValueError("a value is not one of ours")
            return cls(id=path.stem, request=request_from_dict(values["request"]), **kept)
        except (AttributeError, KeyError, TypeError, ValueError) as problem:
            raise IsengardError("LIBRARY_CORRUPT", f"{path.name} is no generation: {problem!r}.") from problem

    def as_dict(self) -> dict[str, Any]:
        """For the file."""
        values = {name: getattr(self, name) for name in ("id", *_FIELDS)}
        return {"format": FORMAT, **values, "request": self.request.as_dict()}

    @property
    def over(self) -> bool:
        """Whether nothing more comes."""
        return self.state in LAST

    @property
    def progress(self) -> Event:
        """The latest progress event; empty before the first step."""
        return next((event for _, event in reversed(self.events) if event["type"] == "progress"), {})

    def go_to(self, state: str) -> None:
        """From `queued` to `running`, or back. Only what was really begun counts as an attempt, not what waits in a
        generator's own queue."""
        if self.state != state:
            self.attempt += 1 if state == "running" else -1
            self.state = state

    def failed_of(self, error: IsengardError) -> dict[str, Any]:
        """Notes what ended it. Returns what a client is told: of the details not the log's end, which names folders."""
        self.error = error.as_dict()
        return {**self.error, "details": {name: value for name, value in error.details.items() if name != "tail"}}

    def knows(self, event: Event) -> bool:
        """Whether listeners are told just this already."""
        return any(known == event for _, known in self.events)

    def begin_with(self, event: Event) -> None:
        """Puts the first event there, before anybody listens."""
        self._count = 1
        self.events.append((1, event))

    async def tell(self, event: Event) -> None:
        """Numbers an event and wakes those who stream; of what is outdated nothing is kept."""
        kind = event["type"]
        if kind in _LATEST_ONLY or kind in LAST:
            stale = {kind} if kind in _LATEST_ONLY else set(_LATEST_ONLY) - {"progress"}
            self.events[:] = [entry for entry in self.events if entry[1]["type"] not in stale]
        async with self._news:
            self._count += 1
            self.events.append((self._count, event))
            self._news.notify_all()

    async def stream(self, after: int = 0) -> AsyncGenerator[tuple[int, Event], None]:
        """Numbered events from behind number `after`, live, up to the last one."""
        after = after if 0 <= after <= self._count else 0  # numbers begin anew when the host does
        while True:
            for number, event in [entry for entry in self.events if entry[0] > after]:
                after = number
                yield number, event
            if any(event["type"] in LAST and number <= after for number, event in self.events):
                return  # the last one was given, not only told meanwhile
            async with self._news:
                while self._count <= after:
                    await self._news.wait()


def _fits(
    *, created: Any, beside_training: Any, correlation_id: Any, attempt: Any, state: Any, pictures: Any, error: Any
) -> bool:
    """Whether values out of a file have the types that all else relies on."""
    texts = [created, correlation_id, *pictures, *(error[name] for name in ("code", "message", "hint") if error)]
    return (
        all(isinstance(text, str) for text in texts)
        and isinstance(pictures, list)
        and isinstance(beside_training, bool)
        and isinstance(attempt, int)
        and state in _STATES
    )
