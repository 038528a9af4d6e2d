"""Pages that are open, for bench/server.py: a process that listens to the server's live events many times.

It is a process of its own, so that what it does is no part of what a client waits for.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable

import aiohttp


class Listeners:
    """That process, seen from outside."""

    def __init__(self, process: asyncio.subprocess.Process, count: int) -> None:
        self._process, self._count = process, count
        self._started = time.monotonic()

    @classmethod
    async def start(cls, address: str, count: int, until: Callable[[int], Awaitable[None]]) -> Listeners:
        """Opens all streams; `until` waits until the server knows of so many."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, __file__, address, str(count), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        await until(count)
        return cls(process, count)

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    async def stop(self) -> dict[str, float]:
        """Closes them. How much each heard."""
        seconds = time.monotonic() - self._started
        said, _ = await self._process.communicate(b"")
        heard = json.loads(said)
        return {
            "listeners": self._count,
            "events heard by each, a second": min(heard) / seconds,
            "heard by the best minus by the worst": max(heard) - min(heard),
        }


async def _listen(address: str, count: int) -> list[int]:
    """Listens `count` times until standard input ends. How many events each heard."""
    heard = [0] * count

    async def listen(number: int) -> None:
        async with session.get("/isengard/events") as answer:
            async for line in answer.content:
                heard[number] += line.startswith(b"event:")

    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(address, connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as session:
        tasks = [asyncio.create_task(listen(number)) for number in range(count)]
        await asyncio.to_thread(sys.stdin.read)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return heard


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_listen(sys.argv[1], int(sys.argv[2])))))
