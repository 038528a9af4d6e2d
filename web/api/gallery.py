"""The gallery: listed, shown, deleted, restored."""

from __future__ import annotations

from typing import Any, Literal

from aiohttp import web
from pydantic import Field

from ...library import gallery, gallery_index
from ...library.gallery import Picture
from ..call import Call
from ..downloads import file_answer
from ..models import Cursor, Limit, Out, Query, TrashOut
from ..routing import Routes

routes = Routes("gallery")

_IMMUTABLE = "private, max-age=31536000, immutable"
"""A picture's file never changes under its number, and belongs into no shared cache."""


class PictureOut(Out):
    """A picture and what it was made with."""

    id: str
    created: str
    prompt: str = Field(description="As it was written.")
    characters: list[str] = Field(description="Ids.")
    width: int
    height: int
    settings: dict[str, Any] = Field(description="All that decided it; files by name. Empty if nobody knows.")
    problem: str = Field(description="What is wrong with its files; empty if nothing is.")

    @classmethod
    def of(cls, call: Call, picture: Picture) -> PictureOut:
        """From the library's."""
        width, height = picture.size
        return cls(
            id=picture.id,
            created=picture.created,
            prompt=picture.prompt,
            characters=list(picture.characters),
            width=width,
            height=height,
            settings=dict(picture.settings),
            problem=call.services.redaction.text(picture.problem),
        )


class PicturePage(Out):
    """Pictures, the newest first."""

    pictures: list[PictureOut]
    next: str = Field(description="Cursor of the next page; empty on the last.")
    total: int = Field(description="How many the filters let through.")
    damaged: int = Field(description="How many in the gallery have a `problem`.")


class GalleryQuery(Query):
    """Everything that is given must hold."""

    character: str = Field(default="", max_length=150, description="Id.")
    lora: str = Field(default="", max_length=150, description="Id.")
    q: str = Field(default="", max_length=300, description="Words that all stand in the prompt.")
    cursor: Cursor = ""
    limit: Limit = 60


class FileQuery(Query):
    """Which of a picture's files."""

    size: Literal["full", "thumb"] = Field(default="full", description="full: PNG with its settings; thumb: WebP.")


@routes.get("/gallery", errors=("QUERY_INVALID",))
async def index(call: Call, query: GalleryQuery) -> PicturePage:
    """A page of the gallery."""
    wanted = gallery_index.Query(
        character=query.character, lora=query.lora, text=query.q, cursor=query.cursor, limit=query.limit
    )
    page = await call.run(gallery_index.search, call.library, wanted)
    return PicturePage(
        pictures=[PictureOut.of(call, picture) for picture in page.pictures],
        next=page.cursor,
        total=page.total,
        damaged=page.damaged,
    )


@routes.get("/gallery/{picture}", media="image/*", also=(206, 304), errors=("PICTURE_MISSING", "PICTURE_CORRUPT"))
async def show(call: Call, picture: str, query: FileQuery) -> web.FileResponse:
    """A picture's file."""
    find = gallery.thumbnail if query.size == "thumb" else gallery.path_of
    path = await call.run(find, call.library, picture)
    return file_answer(path, cache=_IMMUTABLE)


@routes.get("/gallery/{picture}/settings", errors=("PICTURE_MISSING",))
async def settings(call: Call, picture: str) -> PictureOut:
    """What a picture was made with."""
    return PictureOut.of(call, await call.run(gallery.get, call.library, picture))


@routes.delete("/gallery/{picture}", errors=("PICTURE_MISSING", "LIBRARY_CONFLICT"))
async def delete(call: Call, picture: str) -> TrashOut:
    """Puts a picture into the trash."""
    entry = await call.run(gallery.delete, call.library, picture)
    call.services.hub.publish("gallery", {"id": picture, "change": "deleted"})
    return TrashOut(trash=entry.id, label=entry.label)


@routes.post(
    "/gallery/{picture}/restore",
    errors=("PICTURE_MISSING", "LIBRARY_CONFLICT", "LIBRARY_CORRUPT", "LIBRARY_NEWER", "TRASH_MISSING"),
)
async def restore(call: Call, picture: str) -> PictureOut:
    """Takes a picture back out of the trash."""
    found = await call.run(gallery.restore, call.library, picture)
    call.services.hub.publish("gallery", {"id": picture, "change": "restored"})
    return PictureOut.of(call, found)
