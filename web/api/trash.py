"""The trash: what was deleted, and the way back."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ...library import loras, trash
from ...library.store import Library
from ...library.trash import Entry
from ..call import Call
from ..models import Body, Out
from ..routing import Routes

routes = Routes("trash")
_RESTORING = ("TRASH_MISSING", "NAME_INVALID", "LIBRARY_CONFLICT", "LIBRARY_CORRUPT", "LIBRARY_NEWER",
              "CHARACTER_MISSING")  # fmt: skip


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


class EmptyBody(Body):
    """What is to go for good."""

    trash: Annotated[list[Annotated[str, Field(min_length=1, max_length=60)]], Field(max_length=1000)] | None = Field(
        description="Numbers of entries; null: everything."
    )


class EmptiedOut(Out):
    """How many entries are gone."""

    emptied: int


@routes.get("/trash")
async def index(call: Call) -> EntryList:
    """What is in the trash."""
    return EntryList(entries=[EntryOut.of(entry) for entry in await call.run(trash.entries, call.library)])


@routes.post("/trash/empty", errors=_RESTORING)
async def empty(call: Call, body: EmptyBody) -> EmptiedOut:
    """Deletes entries for good."""
    return EmptiedOut(emptied=await call.run(trash.empty, call.library, body.trash))


@routes.post("/trash/{entry}/restore", errors=_RESTORING)
async def restore(call: Call, entry: str) -> EntryOut:
    """Puts an entry back; where its place is taken it gets a new name, which is told."""
    found = await call.run(_restore, call.library, entry)
    call.services.tails.poke()
    return EntryOut.of(found)


def _restore(library: Library, entry_id: str) -> Entry:
    found = next((entry for entry in trash.entries(library) if entry.id == entry_id), None)
    if found is not None and found.kind == "lora":
        loras.restore(library, entry_id)
        return found
    return trash.restore(library, entry_id)
