"""Turns the prompt into conditioning, with FLUX's guidance."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ...interface import Get
from ..graph import Flow, Graph
from ..offer import Offer
from .interface import Given

NODES: tuple[str, ...] = ("CLIPTextEncode", "FluxGuidance", "ConditioningZeroOut")
TOGGLE = ""
CHOICES: tuple[str, ...] = ()


def lacks(_offer: Offer, _choice: str) -> Sequence[Get]:
    """The nodes are ComfyUI's own."""
    return ()


def add(graph: Graph, flow: Flow, given: Given) -> None:
    """FLUX.1-schnell takes no guidance."""
    flow.words = graph.add("prompt", "CLIPTextEncode", "Prompt", clip=flow.clip, text=as_it_is(given.request.sent))
    if given.base.kind.guidance:
        flow.words = graph.add(
            "guidance", "FluxGuidance", "Guidance", conditioning=flow.words, guidance=given.request.guidance
        )
    flow.positive = flow.words
    if given.request.face_detailer or given.request.upscale:
        flow.nothing = graph.add("nothing", "ConditioningZeroOut", "No negative prompt", conditioning=flow.words)


def as_it_is(text: str) -> str:
    """The prompt so that ComfyUI reads its brackets as brackets: in captions, too, they give no weight."""
    return re.sub(r"\\*([()])", r"\\\1", text)
