"""Makes the finished picture larger and paints its details anew, tile by tile."""

from __future__ import annotations

from collections.abc import Sequence

from ...interface import Get
from ..graph import Flow, Graph
from ..offer import Offer
from ..packs import ULTIMATE
from .enlarging import LOADER, MODEL, load_model, model_file
from .interface import Given
from .sampling import SAMPLER, SCHEDULER

REFINER = "UltimateSDUpscale"
NODES: tuple[str, ...] = (LOADER, REFINER)
TOGGLE = "upscale"
CHOICES: tuple[str, ...] = ("tiled",)
DENOISE = 0.25
"""More invents new things in every tile."""


def lacks(offer: Offer, _choice: str) -> Sequence[Get]:
    """The pack and an upscaling model."""
    return [*([] if offer.has(REFINER) else [ULTIMATE.get]), *([] if model_file(offer) else [MODEL])]


def add(graph: Graph, flow: Flow, given: Given) -> None:
    """Tiles are of the size that FLUX.1 knows best; what steers the whole picture does not fit them."""
    wish = given.request.upscale
    assert wish is not None
    flow.image = graph.add(
        "refined", REFINER, "Refine tile by tile", image=flow.image, model=flow.plain_model, positive=flow.words,
        negative=flow.nothing, vae=flow.vae, upscale_by=wish.factor, seed=given.seed, steps=given.request.steps,
        cfg=1.0, sampler_name=SAMPLER, scheduler=SCHEDULER, denoise=DENOISE, upscale_model=load_model(graph),
        mode_type="Linear", tile_width=1024, tile_height=1024, mask_blur=16, tile_padding=64, seam_fix_mode="None",
        force_uniform_tiles=True, tiled_decode=False,
    )  # fmt: skip
