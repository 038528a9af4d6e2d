"""Hands the picture over: into ComfyUI's temporary folder, from where it is fetched for the gallery."""

from __future__ import annotations

from collections.abc import Sequence

from ...interface import Get
from ..graph import Flow, Graph
from ..offer import Offer
from .interface import Given

NODES: tuple[str, ...] = ("PreviewImage",)
TOGGLE = ""
CHOICES: tuple[str, ...] = ()
KEPT = "picture"
"""The node that has the picture."""


def lacks(_offer: Offer, _choice: str) -> Sequence[Get]:
    """The node is ComfyUI's own."""
    return ()


def add(graph: Graph, flow: Flow, given: Given) -> None:
    """ComfyUI's output folder stays the person's own."""
    graph.add(KEPT, "PreviewImage", given.title or "Picture", images=flow.image)
