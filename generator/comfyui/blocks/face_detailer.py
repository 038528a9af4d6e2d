"""Finds faces in the finished picture and paints them again, larger, with the character's LoRA."""

from __future__ import annotations

from collections.abc import Sequence

from ...interface import Get
from ..graph import Flow, Graph
from ..offer import Offer
from ..packs import IMPACT, SUBPACK
from .interface import Given
from .sampling import SAMPLER, SCHEDULER

DETAILER, DETECTOR = "FaceDetailer", "UltralyticsDetectorProvider"
NODES: tuple[str, ...] = (DETAILER, DETECTOR)
TOGGLE = "face_detailer"
CHOICES: tuple[str, ...] = ()
_FILE = Get("face_yolov8m.pt", "https://huggingface.co/Bingsu/adetailer", "models/ultralytics/bbox")


def lacks(offer: Offer, _choice: str) -> Sequence[Get]:
    """Two packs and a detector's file, which shows only when its pack is there."""
    packs = [pack.get for node, pack in ((DETAILER, IMPACT), (DETECTOR, SUBPACK)) if not offer.has(node)]
    return [*packs, *([] if _detector(offer) else [_FILE])]


def add(graph: Graph, flow: Flow, given: Given) -> None:
    """Painted with the prompt alone: what a ControlNet or an image prompt says is meant for the whole picture."""
    wish = given.request.face_detailer
    assert wish is not None
    detector = graph.add("detector", DETECTOR, "Load face detector", model_name=_detector(graph.offer))
    flow.image = graph.add(
        "faces", DETAILER, "Paint faces again", image=flow.image, model=flow.plain_model, clip=flow.clip, vae=flow.vae,
        guide_size=512, guide_size_for=True, max_size=1024, seed=given.seed, steps=given.request.steps, cfg=1.0,
        sampler_name=SAMPLER, scheduler=SCHEDULER, positive=flow.words, negative=flow.nothing, denoise=wish.denoise,
        feather=5, noise_mask=True, force_inpaint=True, bbox_threshold=0.5, bbox_dilation=10, bbox_crop_factor=3.0,
        sam_detection_hint="none", drop_size=10, bbox_detector=detector, wildcard="", cycle=1,
    )  # fmt: skip


def _detector(offer: Offer) -> str:
    names = [name for name in offer.choices(DETECTOR, "model_name") if "face" in name.lower()]
    return next(iter(sorted(names, key=lambda name: (not name.startswith("bbox"), "yolov8m" not in name, name))), "")
