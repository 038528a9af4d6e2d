"""The trash: what was deleted, and the way back."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ...library import trash
from ...library.trash import Entry
from ..call import Call
from ..models import NEXT, Body, Out, PageQuery
from ..paging import page
from ..routing import Routes

routes = Routes("trash")
_RESTORING = ("TRASH_MISSING", "NAME_INVALID", "LIBRARY_CONFLICT", "LIBRARY_CORRUPT", "LIBRARY_NEWER",
              "CHARACTER_MISSING", "PHOTO_MISSING")  # fmt: skip


class EntryOut(Out):
    """Something that was deleted."""

    id: str
    kind: str = Field(description="character, photos, lora, job or picture.")
    label: str
    deleted: str
    character: str
    photos: list[str]

    @classmethod
    def of(cls, entry: Entry) -> EntryOut:
        """From the library's."""
        return cls(
            id=entry.id, kind=entry.kind, label=entry.label, deleted=entry.deleted, character=entry.character,
            photos=list(entry.photos),
        )  # fmt: skip


class EntryList(Out):
    """The trash, the latest first."""

    entries: list[EntryOut]
    next: str = NEXT


class EmptyBody(Body):
    """What is to go for good."""

    trash: Annotated[list[Annotated[str, Field(min_length=1, max_length=60)]], Field(max_length=1000)] | None = Field(
        description="Numbers of entries; null: everything."
    )


class EmptiedOut(Out):
    """How many entries are gone."""

    emptied: int


@routes.get("/trash")
async def index(call: Call, query: PageQuery) -> EntryList:
    """What is in the trash."""
    found = await call.run(trash.entries, call.library)
    shown, cursor = page(found, lambda entry: (entry.deleted, entry.id), query.cursor, query.limit)
    return EntryList(entries=[EntryOut.of(entry) for entry in shown], next=cursor)


@routes.post("/trash/empty", errors=_RESTORING)
async def empty(call: Call, body: EmptyBody) -> EmptiedOut:
    """Deletes entries for good."""
    return EmptiedOut(emptied=await call.run(trash.empty, call.library, body.trash))


@routes.post("/trash/{entry}/restore", errors=_RESTORING)
async def restore(call: Call, entry: str) -> EntryOut:
    """Puts an entry back; where its place is taken it gets a new name, which is told."""
    found = await call.run(trash.restore, call.library, entry)
    call.services.tails.poke()
    return EntryOut.of(found)
