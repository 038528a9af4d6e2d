"""Uploads: streamed to the library's own disk, a few files at a time, whatever their number and size."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.multipart import MultipartReader

from ..errors import IsengardError
from ..files import told_plainly
from ..library import names, scratch
from ..media.captions import MAX_BYTES
from .call import Call
from .parsing import check_content_type, in_time, too_large

FILE_LIMIT = 100_000_000
"""Bytes of one file."""
MOST_FILES = 5000
"""In one request."""
_PIECE = 1 << 20
_BATCH = 8


@dataclass(frozen=True)
class Upload:
    """One file of a form."""

    title: str
    """Its name where it came from, without folders."""
    path: Path
    """Where it lies now, until the batch is done."""
    too_large: bool = False
    """It was not kept."""


@asynccontextmanager
async def desk(call: Call, kind: str) -> AsyncIterator[Path]:
    """A folder on the library's disk that is gone afterwards, also if this process dies."""
    with ExitStack() as stack:
        space = await call.run(stack.enter_context, scratch.workspace(call.library.scratch, kind))
        try:
            yield space.path
        finally:
            await call.run(stack.close)


async def batches(call: Call, folder: Path, captions: dict[str, bytes]) -> AsyncGenerator[list[Upload], None]:
    """The files of a form, some at a time; what is in `<photo>.txt` goes into `captions` by stem instead.

    Raises CONTENT_TYPE_WRONG, REQUEST_UNREADABLE, REQUEST_INVALID, REQUEST_TOO_LARGE, REQUEST_SLOW.
    """
    check_content_type(call.request, "multipart/form-data")
    async with call.services.uploads:
        batch: list[Upload] = []
        count = 0
        async for part in _parts(call.request):
            count += 1
            if count > MOST_FILES:
                raise IsengardError("REQUEST_TOO_LARGE", f"A form may hold {MOST_FILES:,} files.")
            title = plain_title(part.filename or "")
            if title.lower().endswith(".txt"):
                captions[Path(title).stem] = await _text(part)
                continue
            kept_as = title if names.is_safe(title) and names.leaves_room(title) else "photo"
            batch.append(await _saved(call, part, title, folder / str(count) / kept_as))
            if len(batch) == _BATCH:
                yield batch
                batch = []
        if batch:
            yield batch
        if not count:
            raise IsengardError("REQUEST_INVALID", "The form holds no file.")


async def save_body(call: Call, target: Path, limit: int) -> None:
    """The request's body as a file. Raises REQUEST_TOO_LARGE, REQUEST_SLOW."""
    if (call.request.content_length or 0) > limit:
        raise too_large(limit)
    async with call.services.uploads:
        size = 0
        async with _kept(call, target) as write:
            pending = bytearray()
            while chunk := await in_time(call.request.content.readany()):
                pending += chunk
                size += len(chunk)
                if size > limit:
                    raise too_large(limit)
                if len(pending) >= _PIECE:
                    await write(bytes(pending))
                    pending.clear()
            await write(bytes(pending))


def plain_title(name: str) -> str:
    """The last part of a name that a client gave, which is only shown: never a path."""
    return name.replace("\\", "/").rpartition("/")[2].strip()[:200] or "photo"


async def _parts(request: web.Request) -> AsyncIterator[BodyPartReader]:
    try:
        reader = await request.multipart()
        while (part := await in_time(reader.next())) is not None:
            if isinstance(part, MultipartReader):
                raise IsengardError("REQUEST_UNREADABLE", "The form holds another form.", hint="Send files only.")
            if part.filename is None:
                await in_time(part.release())
                continue
            yield part
    except (ValueError, AssertionError, RuntimeError, HttpProcessingError, web.HTTPException) as problem:
        raise IsengardError(
            "REQUEST_UNREADABLE", "The form can't be read.", hint="Send multipart/form-data with files."
        ) from problem


@asynccontextmanager
async def _kept(call: Call, target: Path) -> AsyncIterator[Callable[[bytes], Awaitable[int]]]:
    """A function that writes on to a file. Raises DISK_FULL, FOLDER_NOT_WRITABLE."""
    with told_plainly(target):
        stream = await call.run(target.open, "wb")
        try:
            yield lambda piece: call.run(stream.write, piece)
        finally:
            await call.run(stream.close)


async def _saved(call: Call, part: BodyPartReader, title: str, target: Path) -> Upload:
    size = 0
    await call.run(target.parent.mkdir)  # its own, as names may be the same; the name is told when it can't be read
    async with _kept(call, target) as write:
        while piece := await in_time(part.read_chunk(_PIECE)):
            size += len(piece)
            if size <= FILE_LIMIT:
                await write(piece)
    if size > FILE_LIMIT:
        await call.run(target.unlink)
    return Upload(title, target, too_large=size > FILE_LIMIT)


async def _text(part: BodyPartReader) -> bytes:
    """As much of it as tells that it is too long."""
    data = bytearray()
    while piece := await in_time(part.read_chunk()):
        if len(data) <= MAX_BYTES:
            data += piece
    return bytes(data[: MAX_BYTES + 1])
