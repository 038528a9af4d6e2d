"""Makes pictures like another one with FLUX.1 Redux."""

from __future__ import annotations

from collections.abc import Sequence

from ...interface import Get
from ..graph import Flow, Graph
from ..offer import Offer
from .interface import Given

NODES: tuple[str, ...] = ("LoadImage", "CLIPVisionLoader", "CLIPVisionEncode", "StyleModelLoader", "StyleModelApply")
TOGGLE = "image_prompt"
CHOICES: tuple[str, ...] = ("redux",)
_VISION = Get(
    "sigclip_vision_patch14_384.safetensors", "https://huggingface.co/Comfy-Org/sigclip_vision_384",
    "models/clip_vision",
)  # fmt: skip
_STYLE = Get("flux1-redux-dev.safetensors", "https://huggingface.co/Comfy-Org/Flux1-Redux-Dev", "models/style_models")


def lacks(offer: Offer, _choice: str) -> Sequence[Get]:
    """Both of its files."""
    return [get for get, name in ((_STYLE, _style(offer)), (_VISION, _vision(offer))) if not name]


def add(graph: Graph, flow: Flow, given: Given) -> None:
    """Strength is the weight of the picture's tokens beside the prompt's; 0 leaves them out."""
    wish = given.request.image_prompt
    assert wish is not None
    if not wish.strength:
        return
    picture = graph.add("like", "LoadImage", "Make it like this", image=given.pictures[TOGGLE])
    vision = graph.add("vision", "CLIPVisionLoader", "Load CLIP Vision", clip_name=_vision(graph.offer))
    seen = graph.add(
        "seen", "CLIPVisionEncode", "Look at the picture", clip_vision=vision, image=picture, crop="center"
    )  # fmt: skip
    style = graph.add("redux", "StyleModelLoader", "Load Redux", style_model_name=_style(graph.offer))
    flow.positive = graph.add(
        "styled", "StyleModelApply", "Apply Redux", conditioning=flow.positive, style_model=style,
        clip_vision_output=seen, strength=wish.strength, strength_type="attn_bias",
    )  # fmt: skip


def _style(offer: Offer) -> str:
    names = offer.choices("StyleModelLoader", "style_model_name")
    return next((name for name in names if "redux" in name.lower()), "")


def _vision(offer: Offer) -> str:
    names = offer.choices("CLIPVisionLoader", "clip_name")
    return next((name for name in names if "sig" in name.lower() and "384" in name), "")
