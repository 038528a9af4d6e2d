"""What a ComfyUI has: the kinds of nodes that our graphs are made of, with the files that each can be given."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ... import settings
from ...errors import IsengardError
from .client import Client

FRESH_SECONDS = 5.0
"""So long an answer holds for those who only want to show it."""


@dataclass(frozen=True)
class Offer:
    """Definitions of nodes as `/object_info` gives them, by name."""

    nodes: Mapping[str, Mapping[str, Any]]
    device: str = ""
    local: bool = False
    """Whether its files may lie in the folders that we know."""

    def has(self, *names: str) -> bool:
        """Whether all these kinds of nodes are there."""
        return all(name in self.nodes for name in names)

    def first(self, *names: str) -> str:
        """The first of these kinds of nodes that is there; empty if none is."""
        return next((name for name in names if name in self.nodes), "")

    def choices(self, node: str, name: str) -> list[str]:
        """What an input with a list takes; empty if there is no such node or input."""
        for group in self.groups(node).values():
            if name in group:
                return options(group[name])
        return []

    def groups(self, node: str) -> dict[str, dict[str, Any]]:
        """A node's inputs: `required` and `optional`, each by name."""
        found = self.nodes.get(node, {}).get("input", {})
        return {group: dict(found.get(group) or {}) for group in ("required", "optional")}

    def path_of(self, name: str, *kinds: str) -> Path | None:
        """Where a file of ComfyUI's lists lies, if we can see it."""
        for kind in kinds if self.local else ():
            for folder in settings.model_folders(kind):
                if (path := folder / name).is_file():
                    return path
        return None


def options(declared: Any) -> list[str]:
    """The choices of an input's declaration, in the older and the newer way of writing it."""
    kind, *more = declared if isinstance(declared, list | tuple) else (declared,)
    found = kind if isinstance(kind, list) else (more[0] if more and isinstance(more[0], dict) else {}).get("options")
    return [str(choice) for choice in found] if isinstance(found, list) else []


class Offers:
    """Asks a ComfyUI what it has, and remembers it for a moment."""

    def __init__(self, client: Client, names: Iterable[str]) -> None:
        self._client = client
        self._names = sorted(set(names))
        self._turn = asyncio.Lock()
        self._known: tuple[float, Offer | IsengardError] | None = None

    async def look(self, fresh_seconds: float = FRESH_SECONDS) -> Offer:
        """What is there, seen so long ago at most. Raises COMFYUI_UNREACHABLE or COMFYUI_REFUSED; that nobody answers
        is remembered as long, since it may take seconds to learn."""
        async with self._turn:
            if self._known is None or time.monotonic() - self._known[0] > fresh_seconds:
                try:
                    answer: Offer | IsengardError = await self._ask()
                except IsengardError as problem:
                    answer = problem
                self._known = time.monotonic(), answer
            found = self._known[1]
            if isinstance(found, IsengardError):
                raise IsengardError(found.code, found.message, hint=found.hint) from found
            return found

    async def _ask(self) -> Offer:
        device = await self._client.device()  # first alone: who is not there is asked once
        found = await asyncio.gather(*(self._client.node(name) for name in self._names))
        nodes = {name: known for name, known in zip(self._names, found, strict=True) if known is not None}
        return Offer(nodes, device, self._client.local)
