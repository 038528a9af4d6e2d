"""Characters as archives: given away and brought in."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from aiohttp import web
from pydantic import Field

from ...library import exchange, importing
from ..call import Call
from ..characters_out import CharacterOut, characters_out
from ..downloads import made_for_this
from ..models import Out, Query, SaidOut
from ..parsing import check_content_type
from ..routing import Routes
from ..uploads import desk, save_body

routes = Routes("exchange")
LIMIT = 20 * 10**9
"""Bytes of an archive."""


class ExportQuery(Query):
    """What goes in."""

    originals: bool = Field(default=True, description="The photos as they were; they may say where they were taken.")
    loras: bool = True


class ImportedOut(Out):
    """A character that came in."""

    character: CharacterOut
    photos: int
    loras: int
    warnings: list[SaidOut]


@routes.get(
    "/characters/{character}/export", media="application/zip",
    errors=("CHARACTER_MISSING", "CHARACTER_CORRUPT", "NAME_INVALID", "DISK_FULL", "FOLDER_NOT_WRITABLE"),
)  # fmt: skip
async def export(call: Call, character: str, query: ExportQuery) -> web.StreamResponse:
    """A character with its photos, captions and LoRAs as a zip, to be brought in elsewhere."""
    await call.run(call.library.folder, character)

    def write(target: Path) -> None:
        exchange.export(call.library, character, target, originals=query.originals, loras=query.loras)

    return await made_for_this(call, write, f"{character}.zip", "application/zip")


@routes.post(
    "/characters/import", status=201, upload="application/zip", limit=LIMIT,
    errors=("ARCHIVE_UNREADABLE", "ARCHIVE_UNSAFE", "ARCHIVE_TOO_LARGE", "ARCHIVE_NEWER", "ARCHIVE_FOREIGN",
            "PHOTOS_NONE", "LIBRARY_CONFLICT"),
)  # fmt: skip
async def bring_in(call: Call) -> ImportedOut:
    """Brings in a character from an archive, or makes one of the photos in it. The body is the zip."""
    check_content_type(call.request, "application/zip")
    async with desk(call, "import") as folder:
        archive = folder / "Imported photos.zip"  # what a character is called that is made of photos
        await save_body(call, archive, LIMIT)
        found = await call.run(partial(importing.import_character, call.library, archive))
    call.created(f"/characters/{found.character.id}")
    return ImportedOut(
        character=(await characters_out(call, [found.character]))[0], photos=found.photos, loras=found.loras,
        warnings=[SaidOut.of(text, call.services.redaction) for text in found.warnings],
    )  # fmt: skip
