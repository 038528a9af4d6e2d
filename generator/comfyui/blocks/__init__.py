"""The blocks of a graph, in the order in which they follow each other: one file and one line here each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ....sentences import Said
from ...interface import Get, Readiness
from ...request import TOGGLES, GenerationRequest
from ..graph import Flow, Graph, Prompt
from ..offer import Offer
from ..packs import FOLDER, PACKS, Pack
from . import (
    base_model,
    control_net,
    enlarging,
    face_detailer,
    ip_adapter,
    keeping,
    lora,
    redux,
    sampling,
    tiled_refining,
    words,
)
from .interface import Block, Given

BLOCKS: tuple[Block, ...] = (
    base_model,
    lora,
    words,
    redux,
    ip_adapter,
    control_net,
    sampling,
    face_detailer,
    enlarging,
    tiled_refining,
    keeping,
)
NODES = tuple(dict.fromkeys(node for block in BLOCKS for node in block.NODES))
"""Every kind of node that a graph may hold."""
CHOSEN_BY = {"controlnet": "kind", "image_prompt": "method", "upscale": "method"}
"""The setting that chooses between the ways of a toggle."""


def compose(offer: Offer, given: Given) -> Prompt:
    """The prompt that makes one picture."""
    graph, flow = Graph(offer), Flow()
    for block in BLOCKS:
        if not block.TOGGLE or _asks_for(given.request, block):
            block.add(graph, flow, given)
    return graph.nodes


def readiness(offer: Offer) -> dict[str, Readiness]:
    """Of every toggle, with its choices."""
    return {toggle: _of_toggle(offer, toggle) for toggle in TOGGLES}


def problems(offer: Offer, request: GenerationRequest) -> Iterator[str]:
    """What the request asks for and this ComfyUI can't do, as sentences."""
    for block in BLOCKS:
        if block.TOGGLE and _asks_for(request, block):
            found = _of_block(offer, block, _choice(getattr(request, block.TOGGLE), block.TOGGLE))
            if not found.ready:
                yield found.reason


def best_choice(offer: Offer, toggle: str) -> str:
    """The first way of a toggle that works, else its first; empty if there is nothing to choose."""
    found = _of_toggle(offer, toggle).choices
    return next((choice for choice, ready in found.items() if ready.ready), next(iter(found), ""))


def packs_of(offer: Offer) -> list[tuple[Pack, bool]]:
    """All packs that our graphs can use, each with whether it is there: no block asks for it."""
    wanted = {
        get.what
        for block in BLOCKS
        for choice in block.CHOICES or ("",)
        for get in block.lacks(offer, choice)
        if get.folder == FOLDER
    }
    return [(pack, pack.name not in wanted) for pack in PACKS]


def _asks_for(request: GenerationRequest, block: Block) -> bool:
    group = getattr(request, block.TOGGLE)
    return group is not None and (not block.CHOICES or _choice(group, block.TOGGLE) in block.CHOICES)


def _choice(group: Any, toggle: str) -> str:
    return str(getattr(group, CHOSEN_BY[toggle])) if toggle in CHOSEN_BY else ""


def _of_toggle(offer: Offer, toggle: str) -> Readiness:
    found = {
        choice: _of_block(offer, block, choice)
        for block in BLOCKS
        if toggle == block.TOGGLE
        for choice in block.CHOICES or ("",)
    }
    first = next(iter(found.values()))
    best = next((one for one in found.values() if one.ready), first)
    return Readiness(
        ready=best.ready, reason=best.reason, get=best.get, choices={} if "" in found else found
    )  # fmt: skip


def _of_block(offer: Offer, block: Block, choice: str) -> Readiness:
    gets = tuple(block.lacks(offer, choice))
    if not gets:
        return Readiness(ready=True)
    packs = [_pack(get) for get in gets if get.folder == FOLDER]
    needed = [*packs, *(_file(get) for get in gets if get.folder != FOLDER)]
    name = _TITLES[block.TOGGLE] + (f" ({choice})" if choice else "")
    text = f"{name} needs {' and '.join(needed)}"
    if packs:
        text += "; install packs with ComfyUI Manager and start ComfyUI again."
        reason = Said("toggle.needs_packs", text, toggle=choice or block.TOGGLE, what=needed)
    else:
        reason = Said("toggle.needs_files", f"{text}.", toggle=choice or block.TOGGLE, what=needed)
    return Readiness(ready=False, reason=reason, get=gets)


def _pack(get: Get) -> Said:
    text = f"the pack {get.what} ({get.source})"
    return Said("toggle.pack", text, name=get.what, source=get.source)


def _file(get: Get) -> Said:
    text = f"{get.what} from {get.source} in ComfyUI's {get.folder}"
    return Said("toggle.file", text, file=get.what, source=get.source, folder=get.folder)


_TITLES = {
    "controlnet": "ControlNet",
    "image_prompt": "An image prompt",
    "face_detailer": "FaceDetailer",
    "upscale": "Upscaling",
}
