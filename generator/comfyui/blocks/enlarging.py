"""Makes the finished picture larger with an upscaling model."""

from __future__ import annotations

from collections.abc import Sequence

from ...interface import Get
from ..graph import Flow, Graph, Link
from ..offer import Offer
from .interface import Given

LOADER = "UpscaleModelLoader"
NODES: tuple[str, ...] = (LOADER, "ImageUpscaleWithModel", "ImageScale")
TOGGLE = "upscale"
CHOICES: tuple[str, ...] = ("model",)
MODEL = Get(
    "RealESRGAN_x4plus.safetensors", "https://huggingface.co/Comfy-Org/Real-ESRGAN_repackaged",
    "models/upscale_models",
)  # fmt: skip
_PREFERRED = ("ultrasharp", "realesrgan_x4plus", "4x")


def lacks(offer: Offer, _choice: str) -> Sequence[Get]:
    """An upscaling model."""
    return [] if model_file(offer) else [MODEL]


def add(graph: Graph, flow: Flow, given: Given) -> None:
    """The model enlarges by its own factor; the picture is then scaled to the factor that was asked for."""
    wish = given.request.upscale
    assert wish is not None
    width, height = (round(side * wish.factor) for side in given.request.size)
    larger = graph.add(
        "enlarge", "ImageUpscaleWithModel", "Enlarge", upscale_model=load_model(graph), image=flow.image
    )  # fmt: skip
    flow.image = graph.add(
        "enlarged", "ImageScale", "To the size asked for", image=larger, upscale_method="lanczos", width=width,
        height=height, crop="disabled",
    )  # fmt: skip


def load_model(graph: Graph) -> Link:
    """The loader of the upscaling model."""
    return graph.add("upscaler", LOADER, "Load upscaling model", model_name=model_file(graph.offer))


def model_file(offer: Offer) -> str:
    """One for photos that enlarges four times, if there is one; else any."""
    names = offer.choices(LOADER, "model_name")
    photos = [name for name in names if "anime" not in name.lower()] or names
    ranked = sorted(photos, key=lambda name: [sign not in name.lower() for sign in _PREFERRED])
    return next(iter(ranked), "")
