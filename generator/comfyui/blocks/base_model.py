"""Loads FLUX.1: in one file, or transformer, text encoders and VAE each by their loader."""

from __future__ import annotations

from collections.abc import Sequence

from ...interface import Get
from ..bases import CHECKPOINT, CLIP, UNET, VAE
from ..graph import Flow, Graph, output
from ..offer import Offer
from .interface import Given

NODES: tuple[str, ...] = (UNET, CLIP, VAE, CHECKPOINT)
TOGGLE = ""
CHOICES: tuple[str, ...] = ()


def lacks(_offer: Offer, _choice: str) -> Sequence[Get]:
    """See bases.py, which chooses the files."""
    return ()


def add(graph: Graph, flow: Flow, given: Given) -> None:
    """Model, CLIP and VAE begin here."""
    base = given.base
    if base.whole:
        flow.model = graph.add("base", CHECKPOINT, f"Load {base.kind.title}", ckpt_name=base.transformer)
        flow.clip, flow.vae = output(flow.model, 1), output(flow.model, 2)
        return
    flow.model = graph.add(
        "base", UNET, f"Load {base.kind.title}", unet_name=base.transformer, weight_dtype="default"
    )  # fmt: skip
    flow.clip = graph.add(
        "encoders", CLIP, "Load text encoders", clip_name1=base.clip, clip_name2=base.t5, type="flux", device="default"
    )
    flow.vae = graph.add("vae", VAE, "Load VAE", vae_name=base.vae)
