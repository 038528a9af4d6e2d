"""Files as answers: with the right type, never run by a browser, and made anew for one download."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from aiohttp import web

from .call import Call
from .uploads import desk

TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".gif": "image/gif",
    ".avif": "image/avif",
    ".heic": "image/heic",
    ".json": "application/json",
    ".jsonl": "text/plain; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
}
"""Types under which files are shown; all others are only to be saved."""
_CHUNK = 1 << 18


def file_answer(path: Path, *, cache: str = "private, no-store", name: str = "") -> web.FileResponse:
    """A file with ranges and conditions; unknown kinds are to be saved, not shown."""
    kind = TYPES.get(path.suffix.lower(), "application/octet-stream")
    headers = {"Content-Type": kind, "Cache-Control": cache, "Content-Security-Policy": "default-src 'none'; sandbox"}
    if kind == "application/octet-stream" or name:
        headers["Content-Disposition"] = _attachment(name or path.name)
    return web.FileResponse(path, headers=headers)


async def made_for_this(call: Call, write: Callable[[Path], None], name: str, kind: str) -> web.StreamResponse:
    """A file that `write` makes, sent and removed."""
    async with desk(call, "download") as folder:
        target = folder / "file"
        await call.run(write, target)
        response = web.StreamResponse(headers={"Content-Type": kind, "Content-Disposition": _attachment(name)})
        stream = await call.run(target.open, "rb")
        try:
            response.content_length = (await call.run(target.stat)).st_size
            await call.begin(response)
            while chunk := await call.run(stream.read, _CHUNK):
                await response.write(chunk)
            await response.write_eof()
        finally:
            await call.run(stream.close)
        return response


def _attachment(name: str) -> str:
    plain = "".join(sign if sign.isascii() and (sign.isalnum() or sign in "-_. ") else "_" for sign in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
