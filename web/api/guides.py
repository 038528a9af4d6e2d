"""Guides: pictures that somebody gives to steer others by."""

from __future__ import annotations

from pydantic import Field

from ...errors import IsengardError
from ...library import guides
from ..call import Call
from ..models import Out
from ..parsing import read_limited
from ..routing import Routes

routes = Routes("guides")

LIMIT = 40_000_000
"""Bytes of an uploaded picture."""


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
    call.created("/generate")
    return GuideOut(id=guide)
