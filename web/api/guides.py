"""Guides: pictures that somebody gives to steer others by."""

from __future__ import annotations

from aiohttp import web
from pydantic import Field

from ...errors import IsengardError
from ...library import guides
from ..call import Call
from ..downloads import file_answer
from ..models import Out
from ..parsing import read_limited
from ..routing import Routes

routes = Routes("guides")

LIMIT = 40_000_000
"""Bytes of an uploaded picture."""
_IMMUTABLE = "private, max-age=2592000, immutable"


class GuideOut(Out):
    """A picture that can be named in POST /generate."""

    id: str = Field(description="Kept for a month.")


@routes.post(
    "/guides", status=201, upload="image/*", limit=LIMIT,
    errors=("PHOTO_UNREADABLE", "PHOTO_TOO_LARGE", "PHOTO_TOO_SMALL"),
)  # fmt: skip
async def create(call: Call) -> GuideOut:
    """Takes a picture for ControlNet or as image prompt: the body is the file, told by its content."""
    if not call.request.content_type.startswith("image/"):
        raise IsengardError(
            "CONTENT_TYPE_WRONG", "The body's type must be image/*, such as image/png.", wanted="image/*"
        )
    data = await read_limited(call.request, LIMIT)
    guide = await call.run(guides.add, call.library, data)
    call.created(f"/guides/{guide}")
    return GuideOut(id=guide)


@routes.get("/guides/{guide}", media="image/*", also=(206, 304), errors=("GUIDE_MISSING",))
async def show(call: Call, guide: str) -> web.FileResponse:
    """The picture as it was kept: upright and without notes."""
    return file_answer(await call.run(guides.path_of, call.library, guide), cache=_IMMUTABLE)
