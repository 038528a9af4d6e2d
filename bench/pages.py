"""A client that asks for pages, for bench/server.py, and tells its own waiting for a core from the server's time.

On Linux the system notes when bytes arrive at a socket (SO_TIMESTAMPNS). So the figure of interest ends when the last
byte lay there, as for a client on a machine of its own; how long this process then took to pick it up is told beside
it. On macOS only the second is known, and stands for both.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import sys
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

_STAMPED = 35
"""SO_TIMESTAMPNS, as the system is asked for it and as it tells; Python has no name for it."""
_STAMP = struct.Struct("@ll")
STAMPS = sys.platform == "linux"


class Caller:
    """One connection, kept alive; it asks for one page after the other."""

    def __init__(self, address: str) -> None:
        at = urlsplit(address)
        self._host = at.netloc
        self._socket = socket.create_connection((at.hostname or "", at.port or 80))
        self._socket.setblocking(False)
        if STAMPS:
            self._socket.setsockopt(socket.SOL_SOCKET, _STAMPED, 1)

    async def get(self, path: str) -> tuple[Any, float, float]:
        """What came; seconds until it lay in the socket, and until it was picked up."""
        loop = asyncio.get_running_loop()
        begun = time.time()
        await loop.sock_sendall(self._socket, f"GET {path} HTTP/1.1\r\nHost: {self._host}\r\n\r\n".encode())
        data, arrived, head, length = bytearray(), 0.0, -1, 0
        while head < 0 or len(data) < head + 4 + length:
            await self._readable(loop)
            more, notes, _, _ = self._socket.recvmsg(1 << 18, 128)
            assert more, "the server has hung up"
            data += more
            arrived = _stamp(notes) or time.time()
            if head < 0 and (head := data.find(b"\r\n\r\n")) >= 0:
                length = _length(bytes(data[:head]))
        took = time.time() - begun
        return json.loads(data[head + 4 :]), arrived - begun, took

    def close(self) -> None:
        """Hangs up."""
        self._socket.close()

    async def _readable(self, loop: asyncio.AbstractEventLoop) -> None:
        there: asyncio.Future[None] = loop.create_future()
        loop.add_reader(self._socket, there.set_result, None)
        try:
            await there
        finally:
            loop.remove_reader(self._socket)


def _stamp(notes: Sequence[tuple[int, int, bytes]]) -> float:
    """When the last of the bytes arrived; 0 where the system does not say."""
    for level, kind, data in notes:
        if (level, kind) == (socket.SOL_SOCKET, _STAMPED):
            seconds, nanoseconds = _STAMP.unpack(data)
            return float(seconds + nanoseconds / 1e9)
    return 0.0


def _length(head: bytes) -> int:
    """Of the body that follows."""
    first, *lines = head.decode("latin-1").split("\r\n")
    assert first.split()[1] == "200", first
    fields = {name.lower(): value for name, _, value in (line.partition(":") for line in lines)}
    return int(fields["content-length"])
