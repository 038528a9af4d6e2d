"""Makes pictures like another one with the IP-Adapter for FLUX."""

from __future__ import annotations

from collections.abc import Sequence

from ...interface import Get
from ..graph import Flow, Graph
from ..offer import Offer
from ..packs import IP_ADAPTER
from .interface import Given

LOADER, APPLY = "IPAdapterFluxLoader", "ApplyIPAdapterFlux"
NODES: tuple[str, ...] = ("LoadImage", LOADER, APPLY)
TOGGLE = "image_prompt"
CHOICES: tuple[str, ...] = ("ip-adapter",)
_FILE = Get("ip-adapter.bin", "https://huggingface.co/InstantX/FLUX.1-dev-IP-Adapter", "models/ipadapter-flux")


def lacks(offer: Offer, _choice: str) -> Sequence[Get]:
    """The pack, then its file, which shows only when the pack is there. Its vision model it gets by itself."""
    if not offer.has(LOADER, APPLY):
        return [IP_ADAPTER.get, _FILE]
    return [] if offer.choices(LOADER, "ipadapter") else [_FILE]


def add(graph: Graph, flow: Flow, given: Given) -> None:
    """Only the picture is steered: faces and tiles that are painted again use the model without it."""
    wish = given.request.image_prompt
    assert wish is not None
    picture = graph.add("like", "LoadImage", "Make it like this", image=given.pictures[TOGGLE])
    providers = graph.offer.choices(LOADER, "provider")
    adapter = graph.add(
        "adapter", LOADER, "Load IP-Adapter", ipadapter=graph.offer.choices(LOADER, "ipadapter")[0],
        provider=graph.offer.device if graph.offer.device in providers else providers[0],
    )  # fmt: skip
    flow.model = graph.add(
        "adapted", APPLY, "Apply IP-Adapter", model=flow.model, ipadapter_flux=adapter, image=picture,
        weight=wish.strength, start_percent=0.0, end_percent=1.0,
    )  # fmt: skip
