"""Many photos at once: deleted, restored, put aside, moved, captioned."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, JsonValue

from ...library import captioning, photos, trash
from ...library.captions.edits import operation_from_dict
from ...library.store import Library
from ..call import Call
from ..models import Body, Out
from ..routing import Routes
from .images import CHANGING, Key, Slug, TrashedOut

routes = Routes("images")

Keys = Annotated[list[Key], Field(min_length=1, max_length=20_000)]
LIMIT = 8_000_000
"""Bytes of a body that names thousands of photos."""


class KeysBody(Body):
    """Photos."""

    photos: Keys


class MoveBody(Body):
    """Photos, and where to."""

    photos: Keys
    character: Slug
    copy_: bool = Field(default=False, alias="copy")


class Moved(Out):
    """A photo's old and new name."""

    before: Key
    after: Key


class MovedOut(Out):
    """What moved."""

    moved: list[Moved]


class RejectBody(Body):
    """Photos to be put aside, or taken back."""

    photos: Keys
    rejected: bool = True


class KeysOut(Out):
    """Photos that changed."""

    photos: list[Key]


class RestoreBody(Body):
    """Entries of the trash."""

    trash: Annotated[list[Annotated[str, Field(min_length=1, max_length=60)]], Field(min_length=1, max_length=1000)]


class CaptionsBody(Body):
    """One edit of many captions."""

    photos: Keys
    edit: dict[str, JsonValue] = Field(description="kind: set, prepend, append, replace, … and what belongs to it.")
    preview: bool = Field(default=False, description="Only say what would change.")


class CaptionChangeOut(Out):
    """One caption before and after."""

    character: str
    file: str
    before: str
    after: str


class CaptionsOut(Out):
    """What changed, or would."""

    changes: list[CaptionChangeOut]
    undo: str = Field(description="For POST /images/captions/undo; empty for a preview.")


class UndoBody(Body):
    """Which change of captions."""

    undo: Annotated[str, Field(min_length=1, max_length=80)]


class UndoneOut(Out):
    """What was taken back."""

    restored: list[Key]
    conflicts: list[Key] = Field(description="Gone or changed since: left as they are.")


@routes.post("/images/delete", errors=CHANGING, limit=LIMIT)
async def delete_many(call: Call, body: KeysBody) -> TrashedOut:
    """Puts photos into the trash, all or none."""
    entries = await call.run(trash.delete_photos, call.library, _keys(body.photos))
    return TrashedOut(trash=[entry.id for entry in entries])


@routes.post("/images/restore", errors=(*CHANGING, "TRASH_MISSING", "LIBRARY_NEWER"))
async def restore(call: Call, body: RestoreBody) -> KeysOut:
    """Takes photos back out of the trash."""
    return KeysOut(photos=await call.run(_restore, call.library, body.trash))


@routes.post("/images/reject", errors=CHANGING, limit=LIMIT)
async def reject(call: Call, body: RejectBody) -> KeysOut:
    """Puts photos aside, or takes them back: they stay, and are not trained on."""
    moved = await call.run(photos.set_rejected, call.library, _keys(body.photos), body.rejected)
    return KeysOut(photos=[Key(character=slug, file=file) for slug, file in moved])


@routes.post("/images/move", errors=CHANGING, limit=LIMIT)
async def move(call: Call, body: MoveBody) -> MovedOut:
    """Moves photos with their captions to another character, or copies them."""
    done = await call.run(photos.move, call.library, _keys(body.photos), body.character, copy=body.copy_)
    return MovedOut(
        moved=[Moved(before=Key(character=a, file=b), after=Key(character=c, file=d)) for (a, b), (c, d) in done]
    )


@routes.post(
    "/images/captions",
    limit=LIMIT,
    errors=(*CHANGING, "CAPTION_EDIT_INVALID", "CAPTION_PATTERN_INVALID", "CAPTION_PATTERN_SLOW", "CAPTION_TOO_LONG",
            "CAPTION_UNREADABLE", "CHARACTER_CORRUPT"),
)  # fmt: skip
async def edit_captions(call: Call, body: CaptionsBody) -> CaptionsOut:
    """Edits many captions at once, or says what that would change; it can be undone."""
    return await call.run(_edit_captions, call.library, body)


@routes.post("/images/captions/undo", errors=("UNDO_MISSING", "NAME_INVALID", "LIBRARY_CORRUPT"))
async def undo_captions(call: Call, body: UndoBody) -> UndoneOut:
    """Takes an edit of captions back, where the caption is still what the edit made it."""
    found = await call.run(captioning.undo, call.library, body.undo)
    return UndoneOut(
        restored=[Key(character=slug, file=file) for slug, file in found.restored],
        conflicts=[Key(character=slug, file=file) for slug, file in found.conflicts],
    )


def _restore(library: Library, entries: list[str]) -> list[Key]:
    found = []
    for entry_id in entries:
        entry = trash.restore(library, entry_id)
        found += [Key(character=entry.character, file=file) for file in entry.photos]
    return found


def _edit_captions(library: Library, body: CaptionsBody) -> CaptionsOut:
    operation, keys = operation_from_dict(body.edit), _keys(body.photos)
    if body.preview:
        changes, undo = captioning.preview(library, keys, operation), ""
    else:
        done = captioning.change(library, keys, operation)
        changes, undo = done.changes, done.undo
    return CaptionsOut(changes=[CaptionChangeOut(**vars(item)) for item in changes], undo=undo)


def _keys(keys: list[Key]) -> list[tuple[str, str]]:
    return [(key.character, key.file) for key in keys]
