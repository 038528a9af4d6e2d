"""Graphs: how a picture is made in ComfyUI, to be opened on its canvas."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from ...library import gallery
from ..call import Call
from ..generating import request_of_picture
from ..models import Out
from ..routing import Routes
from .generate import REQUEST_ERRORS, NewGeneration, request_of

routes = Routes("graphs")


class GraphOut(Out):
    """A graph, for `app.loadApiJson(prompt, name)`."""

    name: str
    prompt: dict[str, Any] = Field(description="In the format that ComfyUI's POST /prompt takes.")


@routes.post("/generate/graph", errors=REQUEST_ERRORS)
async def of_request(call: Call, body: NewGeneration) -> GraphOut:
    """The graph that makes the first picture of a request; the pictures that steer it are put into ComfyUI."""
    wanted = body.model_copy(update={"generator": "comfyui"})
    request = await request_of(call, wanted)
    return GraphOut(name="Isengard", prompt=await call.services.pictures.comfyui.graph(request))


@routes.get("/gallery/{picture}/graph", errors=("PICTURE_MISSING", "PICTURE_CORRUPT", *REQUEST_ERRORS))
async def of_picture(call: Call, picture: str) -> GraphOut:
    """The graph that makes a picture of the gallery again, with the files that ComfyUI has now."""
    found = await call.run(gallery.get, call.library, picture)
    request = request_of_picture(found)
    return GraphOut(
        name=f"Isengard {picture}", prompt=await call.services.pictures.comfyui.graph(request, upload=False)
    )
