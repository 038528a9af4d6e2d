"""Photos one by one: uploaded, listed, looked at, captioned, cropped, put aside, deleted."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote

from aiohttp import web
from pydantic import Field

from ...errors import IsengardError
from ...library import captioning, photos, query, reports, trash
from ...library.listed import Listed, Photo
from ...library.records import Crop, Edit
from ...library.store import Library
from ..answers import Encoded
from ..call import Call
from ..downloads import file_answer
from ..models import Body, Limit, Out, Query, SaidOut
from ..photos_in import AddedOut, take_in
from ..routing import Routes

routes = Routes("images")

Slug = Annotated[str, Field(min_length=1, max_length=150, description="A character's id.")]
File = Annotated[str, Field(min_length=1, max_length=300, description="A photo's name within its character.")]
Caption = Annotated[str, Field(max_length=2000)]
_OF_PHOTO = ("CHARACTER_MISSING", "PHOTO_MISSING", "NAME_INVALID")
CHANGING = (*_OF_PHOTO, "LIBRARY_CONFLICT", "LIBRARY_CORRUPT", "RECORD_CORRUPT")
"""What every change of photos may answer."""
_LASTING = "private, max-age=31536000, immutable"


class Key(Body):
    """One photo."""

    character: Slug
    file: File


class PhotoOut(Out):
    """A photo in a list."""

    character: str
    file: str
    title: str = Field(description="The name it came with.")
    rejected: bool
    state: Literal["ok", "new", "changed", "unmeasured", "damaged"]
    caption: str
    has_trigger: bool
    width: int
    height: int
    bytes: int
    added: str
    taken: str
    findings: list[dict[str, Any]]
    rotation: int
    crop: list[float] | None = Field(description="Left, top, width, height as shares of the turned picture.")
    can_undo: bool
    kept: list[str] = Field(description="Codes of findings that a person overruled.")
    note: str
    said_note: SaidOut = Field(description="The note, with its code.")
    version: str
    url: str
    thumb: str


class PhotoList(Out):
    """Photos, and how many there are in all."""

    photos: list[PhotoOut]
    next: str
    total: int
    totals: dict[str, Any]


class ListQuery(Query):
    """Which photos. Everything that is given must hold."""

    finding: list[str] = Field(default=[], max_length=40, description="Codes; any of them. Also `any` and `none`.")
    captions: Literal["any", "empty", "present", "without_trigger"] = "any"
    q: str = Field(default="", max_length=300, description="Words in caption, title or name.")
    rejected: bool | None = None
    state: list[Literal["ok", "new", "changed", "unmeasured", "damaged"]] = Field(default=[], max_length=5)
    added_from: str = Field(default="", max_length=40)
    added_to: str = Field(default="", max_length=40)
    least_side: Annotated[int, Field(ge=0, le=100_000)] = 0
    most_side: Annotated[int, Field(ge=0, le=100_000)] = 0
    sort: Literal["added", "taken", "name", "title", "size", "bytes", "findings", "caption"] = "added"
    descending: bool = False
    cursor: Annotated[str, Field(max_length=2000)] = ""
    limit: Limit = 100


class AllQuery(ListQuery):
    """The same over all characters."""

    character: list[Slug] = Field(default=[], max_length=20)


class UploadOut(Out):
    """What became of an upload."""

    added: list[AddedOut]
    count: int = Field(description="How many photos were taken.")


class PhotoChanges(Body):
    """What is to be changed; the rest stays."""

    caption: Caption | None = None
    rejected: bool | None = None
    rotation: Literal[0, 90, 180, 270] | None = None
    crop: Annotated[list[float], Field(min_length=4, max_length=4)] | Literal["face"] | None = Field(
        default=None,
        description="Left, top, width, height as shares of the turned picture; null: the whole; `face`. Left out, the "
        "part stays that is shown, also when it is turned.",
    )
    keep: list[Annotated[str, Field(max_length=60)]] | None = Field(
        default=None, max_length=40, description="Codes of findings that do not matter here."
    )
    undo: bool = Field(default=False, description="Take back the last crop or turn.")


class FileQuery(Query):
    """Which of a photo's files."""

    size: Literal["full", "thumb"] = "full"
    v: Annotated[str, Field(max_length=80)] = Field(default="", description="The photo's version, for caches.")


class TrashedOut(Out):
    """Where deleted photos are, for undo."""

    trash: list[str]


@routes.get("/characters/{character}/images", errors=("CHARACTER_MISSING", "NAME_INVALID", "QUERY_INVALID"))
async def of_character(call: Call, character: str, query: ListQuery) -> Encoded[PhotoList]:
    """A character's photos. What was put into its folder by hand is taken in soon after."""
    found = await call.services.look(_listed, call, (character,), query)
    call.services.adopting.look(character)
    return found


@routes.post(
    "/characters/{character}/images", status=201, upload="multipart/form-data",
    errors=("CHARACTER_MISSING", "NAME_INVALID", "PHOTO_MISSING", "LIBRARY_CONFLICT"),
)  # fmt: skip
async def upload(call: Call, character: str) -> UploadOut:
    """Adds photos; a file `<photo>.txt` is the caption of the photo of that name. Each is told what became of it."""
    await call.run(call.library.folder, character)
    added = await take_in(call, character)
    call.created(f"/characters/{quote(character)}/images")
    return UploadOut(added=added, count=sum(bool(item.file) for item in added))


@routes.get("/characters/{character}/images/{file}", media="image/*", also=(206, 304), errors=_OF_PHOTO)
async def show(call: Call, character: str, file: str, query: FileQuery) -> web.FileResponse:
    """The picture itself, or a small one. With its version in the address it may be kept for ever, by this browser."""
    path = await call.run(_picture, call.library, character, file, query.size)
    return file_answer(path, cache=_LASTING if query.v else "private, no-cache")


@routes.patch(
    "/characters/{character}/images/{file}",
    errors=(*CHANGING, "EDIT_INVALID", "FACE_UNKNOWN", "PHOTO_NEW", "PHOTO_UNREADABLE", "PHOTO_TOO_LARGE",
            "PHOTO_TOO_SMALL", "CAPTION_TOO_LONG", "CAPTION_UNREADABLE"),
)  # fmt: skip
async def change(call: Call, character: str, file: str, body: PhotoChanges) -> PhotoOut:
    """Caption, crop, turn; puts aside or takes back; overrules findings."""
    await call.run(_change, call.library, character, file, body)
    line = await call.run(query.line, call.library, character, file)
    return PhotoOut.model_validate_json(_shown(call, line))


@routes.delete("/characters/{character}/images/{file}", errors=CHANGING)
async def delete(call: Call, character: str, file: str) -> TrashedOut:
    """Puts a photo into the trash."""
    entries = await call.run(trash.delete_photos, call.library, [(character, file)])
    return TrashedOut(trash=[entry.id for entry in entries])


@routes.get("/images", errors=("QUERY_INVALID", "NAME_INVALID", "CHARACTER_MISSING"))
async def index(call: Call, query: AllQuery) -> Encoded[PhotoList]:
    """Photos of all characters."""
    return await call.services.look(_listed, call, tuple(query.character), query)


def _listed(call: Call, characters: tuple[str, ...], wanted: ListQuery) -> Encoded[PhotoList]:
    for slug in characters:
        call.library.folder(slug)
    found = query.search(
        call.library,
        query.Query(
            characters=characters, findings=tuple(wanted.finding), captions=wanted.captions, text=wanted.q,
            rejected=wanted.rejected, states=tuple(wanted.state), added_from=wanted.added_from,
            added_to=wanted.added_to, least_side=wanted.least_side, most_side=wanted.most_side, sort=wanted.sort,
            descending=wanted.descending, cursor=wanted.cursor, limit=wanted.limit,
        ),
    )  # fmt: skip
    rest = {"next": found.cursor, "total": found.total, "totals": found.totals}
    shown = ",".join(_shown(call, line) for line in found.listed)
    return Encoded(f'{{"photos":[{shown}],{json.dumps(rest)[1:]}'.encode("utf-8", "replace"))


def _shown(call: Call, line: Listed) -> str:
    """The JSON of a `PhotoOut`: the index's line with addresses, which depend on the host."""
    address = f"{call.prefix}/characters/{line.address}"
    return f'{line.json[:-1]},"url":"{address}","thumb":"{address}&size=thumb"}}'


def _picture(library: Library, slug: str, file: str, size: str) -> Path:
    folder = library.folder(slug)
    path = folder.find_image(file)
    if path is None:
        raise IsengardError("PHOTO_MISSING", f"{slug} has no photo of this name.")
    small = folder.thumbnails / f"{path.name}.webp"
    return small if size == "thumb" and small.is_file() else path


def _change(library: Library, slug: str, file: str, body: PhotoChanges) -> None:
    given = body.model_fields_set
    photo = query.one(library, slug, file)
    if body.undo:
        photos.undo_edit(library, slug, file)
    if {"crop", "rotation"} & given:
        rotation = photo.rotation if body.rotation is None else body.rotation
        edit = Edit(rotation=photo.rotation, crop=photo.crop).turned(rotation)
        if "crop" in given and body.crop != "face":
            edit = replace(edit, crop=_crop(body.crop))
        photos.edit(library, slug, file, edit)
    if body.crop == "face":
        reports.crop_to_face(library, slug, file)
    if body.caption is not None:
        captioning.write(library, {(slug, file): body.caption})
    if body.keep is not None:
        _keep(library, photo, body.keep)
    if body.rejected is not None:
        photos.set_rejected(library, [(slug, file)], body.rejected)


def _crop(given: list[float] | None) -> Crop | None:
    if given is None:
        return None
    left, top, width, height = given
    return left, top, width, height


def _keep(library: Library, photo: Photo, codes: list[str]) -> None:
    taken_back = set(photo.kept) - set(codes)
    if taken_back:
        photos.keep(library, photo.character, photo.file, taken_back, kept=False)
    if set(codes) - set(photo.kept):
        photos.keep(library, photo.character, photo.file, codes)
