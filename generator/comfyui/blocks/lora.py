"""Puts the characters' LoRAs on the model, each with its strength."""

from __future__ import annotations

from collections.abc import Sequence

from ...interface import Get
from ..graph import Flow, Graph
from ..offer import Offer
from .interface import Given

LOADER = "LoraLoaderModelOnly"
NODES: tuple[str, ...] = (LOADER,)
TOGGLE = ""
CHOICES: tuple[str, ...] = ()


def lacks(_offer: Offer, _choice: str) -> Sequence[Get]:
    """The node is ComfyUI's own."""
    return ()


def add(graph: Graph, flow: Flow, given: Given) -> None:
    """The text encoders stay as they are: identity LoRAs change the transformer alone."""
    for number, (use, name) in enumerate(zip(given.request.loras, given.loras, strict=True), 1):
        title = f"LoRA of {use.character}" if use.character else "LoRA"
        flow.model = graph.add(
            f"lora{number}", LOADER, title, model=flow.model, lora_name=name, strength_model=use.strength
        )
    flow.plain_model = flow.model
