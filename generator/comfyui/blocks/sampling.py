"""Samples the picture and decodes it."""

from __future__ import annotations

from collections.abc import Sequence

from ...interface import Get
from ..graph import Flow, Graph
from ..offer import Offer
from .interface import Given

NODES: tuple[str, ...] = (
    "ModelSamplingFlux", "EmptySD3LatentImage", "RandomNoise", "KSamplerSelect", "BasicScheduler", "BasicGuider",
    "SamplerCustomAdvanced", "VAEDecode",
)  # fmt: skip
TOGGLE = ""
CHOICES: tuple[str, ...] = ()
SAMPLER, SCHEDULER = "euler", "simple"
SAMPLES = "sample"
"""The node whose steps are the picture's."""


def lacks(_offer: Offer, _choice: str) -> Sequence[Get]:
    """The nodes are ComfyUI's own."""
    return ()


def add(graph: Graph, flow: Flow, given: Given) -> None:
    """Noise shifts with the size as FLUX.1-dev was trained; schnell does not shift."""
    width, height = given.request.size
    model = flow.model
    if given.base.kind.shifts:
        model = graph.add(
            "shift", "ModelSamplingFlux", "Shift for the size", model=model, max_shift=1.15, base_shift=0.5,
            width=width, height=height,
        )  # fmt: skip
    guider = graph.add("guider", "BasicGuider", "Guider", model=model, conditioning=flow.positive)
    noise = graph.add("noise", "RandomNoise", "Seed", noise_seed=given.seed)
    sampler = graph.add("sampler", "KSamplerSelect", "Sampler", sampler_name=SAMPLER)
    sigmas = graph.add(
        "steps", "BasicScheduler", "Steps", model=model, scheduler=SCHEDULER, steps=given.request.steps, denoise=1.0
    )
    size = graph.add("size", "EmptySD3LatentImage", "Size", width=width, height=height, batch_size=1)
    latent = graph.add(
        SAMPLES, "SamplerCustomAdvanced", "Make the picture", noise=noise, guider=guider, sampler=sampler,
        sigmas=sigmas, latent_image=size,
    )  # fmt: skip
    flow.image = graph.add("decode", "VAEDecode", "Decode", samples=latent, vae=flow.vae)
