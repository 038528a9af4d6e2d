"""Work that would hold up the event loop is done in threads, with the logging context of the task that asked for it."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def run_in(pool: object, function: Callable[..., T], *args: object, **kwargs: object) -> T:
    """Runs a function in an executor, with this task's context."""
    context = contextvars.copy_context()
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(pool, lambda: context.run(function, *args, **kwargs))  # type: ignore[arg-type]
