"""The embedded model's pictures on ComfyUI's canvas, where our own node makes them: no other one loads that model."""

from __future__ import annotations

from pathlib import PurePath

from ...errors import IsengardError
from ..request import GenerationRequest
from .graph import Prompt


def graph_of(request: GenerationRequest) -> Prompt:
    """The prompt for a request's first picture, the same to the pixel; no ComfyUI needs to be asked for it.

    Raises FEATURE_NOT_READY for what the node has no input for.
    """
    if problems := _beyond_the_node(request):
        raise IsengardError("FEATURE_NOT_READY", " ".join(problems), problems=problems)
    width, height = request.size
    inputs = {
        "prompt": request.sent, "strength": 1.0, "width": width, "height": height, "count": 1, "seed": request.seed,
        "steps": request.steps,
    }  # fmt: skip
    graph: Prompt = {}
    for use in request.loras:
        name = {"value": use.lora or PurePath(use.file).name}
        graph["lora"] = {"class_type": "PrimitiveString", "inputs": name, "_meta": {"title": "LoRA"}}
        inputs |= {"lora": ["lora", 0], "strength": use.strength}
    graph["mini"] = {"class_type": "IsengardMini", "inputs": inputs, "_meta": {"title": "Mini Pictures"}}
    graph["picture"] = {
        "class_type": "PreviewImage", "inputs": {"images": ["mini", 0]}, "_meta": {"title": "Picture"}
    }  # fmt: skip
    return graph


def _beyond_the_node(request: GenerationRequest) -> list[str]:
    """As sentences; what steers a picture is refused for this model long before."""
    found = []
    if len(request.loras) > 1:
        found.append("The node Mini Pictures takes one character.")
    if request.guidance != GenerationRequest.guidance:
        found.append(f"The node Mini Pictures works with guidance {GenerationRequest.guidance:g} alone.")
    return found
