"""How uploaded photos are taken in, with the captions that come along, and what is told of each."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

from pydantic import Field

from ..errors import IsengardError
from ..library import captioning, photos
from ..library.photos import Added
from ..library.store import Library
from ..media.captions import caption_from
from ..sentences import several
from .call import Call
from .models import ErrorSaid, Out, SaidOut, problem_values
from .uploads import Upload, batches, desk

_NO_PROBLEM = {"code": "", "message": "", "hint": "", "said": None}


class AddedOut(Out):
    """What became of an uploaded file."""

    title: str
    file: str = Field(description="The photo's name; empty if it was not taken.")
    twin: str = Field(description="A photo with the same bytes, which was there already.")
    note: str
    code: str
    message: str
    hint: str
    said: ErrorSaid | None
    said_note: SaidOut = Field(description="The note, with its code.")


async def take_in(call: Call, slug: str) -> list[AddedOut]:
    """Adds the photos of the request's form; a caption may come before its photo or behind it.

    Raises what `uploads.batches` and `photos.add` raise; what is wrong with a file is told of that file.
    """
    captions: dict[str, bytes] = {}
    added: list[Added] = []
    async with desk(call, "upload") as folder, aclosing(batches(call, folder, captions)) as arriving:
        async for batch in arriving:
            added += await call.run(_add, call.library, slug, batch, captions)
    done = await call.run(_caption_late, call.library, slug, added, captions)
    return [_added(call, item) for item in done]


def _add(library: Library, slug: str, batch: list[Upload], captions: dict[str, bytes]) -> list[Added]:
    """Takes a batch in; its files are gone afterwards."""
    fitting = [item for item in batch if not item.too_large]
    read = [_caption(captions.pop(Path(item.title).stem, b""), item.title) for item in fitting]
    sources = [
        photos.Source(path=item.path, title=item.title, caption=text)
        for item, (text, _) in zip(fitting, read, strict=True)
    ]
    done = [
        _noted(item, note) for item, (_, note) in zip(photos.add(library, slug, sources), read, strict=True)
    ]  # fmt: skip
    for upload in fitting:
        upload.path.unlink(missing_ok=True)
    large = IsengardError("PHOTO_TOO_LARGE", "The file has more than 100 MB.")
    return [*done, *(Added(title=item.title, error=large) for item in batch if item.too_large)]


def _caption_late(library: Library, slug: str, added: list[Added], captions: dict[str, bytes]) -> list[Added]:
    """Writes the captions that came behind their photos."""
    told: list[Added] = []
    late: dict[tuple[str, str], str] = {}
    for item in added:
        text, note = _caption(captions.get(Path(item.title).stem, b""), item.title)
        told.append(_noted(item, note))
        if text and item.file:
            late[slug, item.file] = text
    if late:
        captioning.write(library, late, label="upload")
    return told


def _caption(data: bytes, title: str) -> tuple[str, str]:
    """A caption, and what is to be said of one that can't be used."""
    try:
        return caption_from(data, f"{Path(title).stem}.txt"), ""
    except IsengardError as problem:
        return "", photos.without_caption(problem)


def _noted(item: Added, note: str) -> Added:
    notes = [text for text in (item.note, note) if text]
    return replace(item, note=several(notes)) if note and item.file else item


def _added(call: Call, found: Added) -> AddedOut:
    redaction = call.services.redaction
    return AddedOut(
        title=found.title, file=found.file, twin=found.twin, note=redaction.text(found.note),
        said_note=SaidOut.of(found.note, redaction),
        **(problem_values(found.error, redaction) if found.error else _NO_PROBLEM),
    )  # fmt: skip
