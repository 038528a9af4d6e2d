"""A stream of server-sent events to one client; one that does not read is let go."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import HttpVersion11, web

from .answers import PRIVATE
from .call import Call
from .framing import BEAT, encode

PATIENCE_SECONDS = 30.0
"""A client that takes nothing for so long is let go; it comes back with Last-Event-ID."""
_AT_ONCE_BYTES = 32_768
"""So much may wait in a connection's buffer before its client is waited for."""
_HEADERS = {
    "Content-Type": "text/event-stream",
    "Cache-Control": f"{PRIVATE}, no-transform",
    "X-Accel-Buffering": "no",
}


class Stream:
    """A response that goes on. Use `open`, `send` and, at the end, `close`."""

    def __init__(self, call: Call) -> None:
        self.response = web.StreamResponse(headers=_HEADERS)
        self._call = call
        self._chunked = call.request.version == HttpVersion11
        """HTTP/1.0 has no chunks: there the connection's end is the stream's."""
        if self._chunked:
            self.response.enable_chunked_encoding()

    async def open(self) -> None:
        """Sends the headers; says how soon a lost connection is to be taken up again."""
        await self._call.begin(self.response)
        await self.write(b"retry: 1000\n\n")

    async def send(self, kind: str, data: Any, number: str | int = "") -> None:
        """Sends one event."""
        await self.write(encode(kind, data, number))

    async def write(self, data: bytes) -> None:
        """Sends encoded events. Raises ConnectionResetError if the client is gone or takes nothing."""
        transport = self._call.request.transport
        if transport is not None and transport.get_write_buffer_size() + len(data) < _AT_ONCE_BYTES:
            await self.response.write(data)  # goes out at once, or waits in a buffer that has room
            return
        try:
            await asyncio.wait_for(self.response.write(data), PATIENCE_SECONDS)
        except asyncio.TimeoutError as problem:
            if self._call.request.transport is not None:
                self._call.request.transport.abort()
            raise ConnectionResetError("the client takes nothing") from problem

    def take(self, data: bytes) -> bool:
        """Sends encoded events without a task that waits; False if there is no room for them, or nobody who reads.

        With hundreds of listeners this is where the time goes, so it writes to the connection itself, in the form that
        the response's headers have named.
        """
        transport = self._call.request.transport
        if transport is None or transport.is_closing():
            return False
        if transport.get_write_buffer_size() + len(data) >= _AT_ONCE_BYTES:
            return False
        transport.write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)
        return True

    async def beat(self) -> None:
        """A comment that clients pass over."""
        await self.write(BEAT)

    async def close(self, why: str) -> None:
        """A last event, so that a client knows that nothing more comes."""
        await self.send("end", {"reason": why})
        await self.response.write_eof()


def last_event_id(call: Call, given: str | None = None) -> str:
    """Where the client wants to go on: the header that a browser sends on its own, or the query's `after`."""
    return call.request.headers.get("Last-Event-ID", "").strip()[:60] or (given or "")
