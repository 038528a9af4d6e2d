"""Takes edges, depth or pose from a picture by a ControlNet."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ...interface import Get
from ..graph import Flow, Graph, Link
from ..offer import Offer
from ..packs import PREPROCESSORS
from .interface import Given

NODES: tuple[str, ...] = (
    "LoadImage", "ImageScale", "Canny", "DepthAnythingV2Preprocessor", "DepthAnythingPreprocessor", "DWPreprocessor",
    "OpenposePreprocessor", "ControlNetLoader", "SetUnionControlNetType", "ControlNetApplyAdvanced",
)  # fmt: skip
TOGGLE = "controlnet"
CHOICES: tuple[str, ...] = ("canny", "depth", "pose")
_READERS = {
    "canny": ("Canny",),
    "depth": ("DepthAnythingV2Preprocessor", "DepthAnythingPreprocessor"),
    "pose": ("DWPreprocessor", "OpenposePreprocessor"),
}
"""The nodes that read it from a picture, the best first."""
_FILE = Get(
    "flux1-dev-controlnet-union-pro-2.safetensors (there: diffusion_pytorch_model.safetensors)",
    "https://huggingface.co/Shakker-Labs/FLUX.1-dev-ControlNet-Union-Pro-2.0", "models/controlnet",
)  # fmt: skip
_SIGNS = {"canny": "canny", "depth": "depth", "pose": "pose"}
_UNION = "union"
_OTHERS = re.compile(r"inpaint|upscal|tile|blur|flux[-_. ]?2")
_MODES = {"canny": "openpose", "depth": "hed/pidi/scribble/ted", "pose": "normal"}
"""ComfyUI names a union's modes as those of SDXL's; FLUX's have the numbers 0 (canny), 2 (depth) and 4 (pose), which
are these names' numbers there. Unions that know no modes don't heed it."""


def lacks(offer: Offer, choice: str) -> Sequence[Get]:
    """The pack that reads depth or pose, and a ControlNet."""
    reads = offer.first(*_READERS[choice])
    return [*([] if reads else [PREPROCESSORS.get]), *([] if _file(offer, choice) else [_FILE])]


def add(graph: Graph, flow: Flow, given: Given) -> None:
    """The picture is cut to the shape that is made before it is read."""
    wish = given.request.controlnet
    assert wish is not None
    width, height = given.request.size
    picture = graph.add("guide", "LoadImage", f"Take the {wish.kind} of this", image=given.pictures[TOGGLE])
    picture = graph.add(
        "guide_cut", "ImageScale", "Cut to shape", image=picture, upscale_method="lanczos", width=width, height=height,
        crop="center",
    )  # fmt: skip
    hint = _read(graph, wish.kind, picture, min(width, height))
    name = _file(graph.offer, wish.kind)
    net = graph.add("controlnet", "ControlNetLoader", "Load ControlNet", control_net_name=name)
    if _UNION in name.lower() and graph.offer.has("SetUnionControlNetType"):
        net = graph.add(
            "controlnet_mode", "SetUnionControlNetType", f"Mode for {wish.kind}", control_net=net,
            type=_MODES[wish.kind],
        )  # fmt: skip
    flow.positive = graph.add(
        "controlled", "ControlNetApplyAdvanced", "Apply ControlNet", positive=flow.positive, negative=flow.words,
        control_net=net, image=hint, strength=wish.strength, start_percent=wish.start, end_percent=wish.end,
        vae=flow.vae,
    )  # fmt: skip


def _read(graph: Graph, kind: str, picture: Link, side: int) -> Link:
    node = graph.offer.first(*_READERS[kind])
    if node == "Canny":
        return graph.add("hint", node, "Edges", image=picture, low_threshold=0.2, high_threshold=0.5)
    return graph.add("hint", node, kind.capitalize(), image=picture, resolution=side)


def _file(offer: Offer, kind: str) -> str:
    """A FLUX ControlNet for just this, else one for everything; the name, folders included, must say FLUX."""
    names = [name for name in offer.choices("ControlNetLoader", "control_net_name") if "flux" in name.lower()]
    names = [name for name in names if not _OTHERS.search(name.lower())]
    own = [name for name in names if _SIGNS[kind] in name.lower()]
    return next(iter([*own, *(name for name in names if _UNION in name.lower())]), "")
