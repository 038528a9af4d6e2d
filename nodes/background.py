"""One thread with an event loop for the processes that nodes start: they outlive no node, but keep no node's thread.

ComfyUI runs nodes on its own loop, on which no other can run, and on Windows it may be of a kind that starts no
processes.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")
_TURN = threading.Lock()
_LOOPS: list[asyncio.AbstractEventLoop] = []
"""The loop, once there is one."""


def submit(work: Coroutine[Any, Any, T]) -> Future[T]:
    """Runs a coroutine there. Cancelling the future cancels it."""
    return asyncio.run_coroutine_threadsafe(work, the_loop())


def _new_loop() -> asyncio.AbstractEventLoop:
    """One that can start processes: on Windows another pack may have chosen a kind for all that can't."""
    if sys.platform == "win32":
        return asyncio.ProactorEventLoop()
    return asyncio.new_event_loop()


def the_loop() -> asyncio.AbstractEventLoop:
    """The loop, started on first use; its thread ends with the process."""
    with _TURN:
        if not _LOOPS:
            loop = _new_loop()
            threading.Thread(target=loop.run_forever, name="isengard-nodes", daemon=True).start()
            _LOOPS.append(loop)
        return _LOOPS[0]
