"""What a block of a graph must offer. Each is a module with these names; `__init__.py` has their order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ...interface import Get
from ...request import GenerationRequest
from ..bases import Files
from ..graph import Flow, Graph
from ..offer import Offer


@dataclass(frozen=True, kw_only=True)
class Given:
    """What the blocks are given: the request, and its files as this ComfyUI names them."""

    request: GenerationRequest
    seed: int
    base: Files
    loras: tuple[str, ...] = ()
    """Names of the request's LoRAs."""
    pictures: dict[str, str] = field(default_factory=dict)
    """Names of the pictures that steer, by toggle."""
    title: str = ""
    """What the prompt is called in ComfyUI's queue."""


class Block(Protocol):
    """Pure functions from what is asked for and what is there to a few nodes."""

    NODES: tuple[str, ...]
    """Every kind of node that it may use."""
    TOGGLE: str
    """The toggle of a request that it belongs to; empty: it is always there."""
    CHOICES: tuple[str, ...]
    """The toggle's choices that it carries out; empty if there is nothing to choose."""

    def lacks(self, offer: Offer, choice: str, /) -> Sequence[Get]:
        """What is to be got before it works; nothing if it does."""

    def add(self, graph: Graph, flow: Flow, given: Given, /) -> None:
        """Adds its nodes and leads the flow through them."""
