"""Other ComfyUI packs that make more possible: what the ComfyUI that makes the pictures has of them."""

from __future__ import annotations

from pydantic import Field

from ... import settings
from ..call import Call
from ..models import Out, SaidOut
from ..routing import Routes

routes = Routes("packs")


class PackOut(Out):
    """Another ComfyUI pack, which some feature needs."""

    id: str
    name: str
    present: bool | None = Field(description="null: nobody knows; the list says why.")
    enables: str
    get: str = Field(description="Its address.")
    needs: str = Field(description="Name of another pack that it is of no use without; empty: none.")


class PackList(Out):
    """All packs that our graphs can use."""

    comfyui: str = Field(description="Address of the ComfyUI that was asked; empty: the one around us, or none.")
    reason: str = Field(description="Why nobody knows which are there; empty if it is known.")
    said: SaidOut = Field(description="The reason, with its code.")
    packs: list[PackOut]


@routes.get("/packs")
async def index(call: Call) -> PackList:
    """Packs that make more possible: there or missing in the ComfyUI that makes the pictures, here or elsewhere. What
    `GET /generators` says of its toggles follows from the same answer of ComfyUI's."""
    found, reason = await call.services.pictures.comfyui.packs()
    return PackList(
        comfyui=settings.without_password(settings.comfyui_url()) if call.services.host == "standalone" else "",
        reason=reason,
        said=SaidOut.of(reason),
        packs=[
            PackOut(
                id=pack.id, name=pack.name, present=present, enables=pack.enables, get=pack.source, needs=pack.needs
            )
            for pack, present in found
        ],
    )
