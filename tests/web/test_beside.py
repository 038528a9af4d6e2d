"""What is done beside the requests goes on after trouble of any kind."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from isengard.web.beside import Beside


async def test_one_that_fails_does_not_end_the_others() -> None:
    done: list[str] = []

    def work(name: str, _ending: Callable[[], bool]) -> None:
        if name == "bad":
            raise ZeroDivisionError
        done.append(name)

    part = Beside("testing", asyncio.to_thread, work)
    await part.start()
    for name in ("bad", "good", "bad", "better"):
        part.look(name)
    while part.waits("bad") or part.waits("better"):  # noqa: ASYNC110 (it happens in a thread)
        await asyncio.sleep(0.01)
    await part.stop()
    assert done == ["good", "better"]


def test_work_ends_early_where_the_loop_is_gone() -> None:
    """Ctrl+C ends ComfyUI's loop and tells nobody, and Python waits for every thread before it ends."""
    begun, ended, may_end = threading.Event(), threading.Event(), threading.Event()

    def work(_name: str, ending: Callable[[], bool]) -> None:
        begun.set()
        while not ending() and not may_end.wait(0.01):
            pass
        if ending():
            ended.set()

    async def begin() -> Beside:
        part = Beside("testing", asyncio.to_thread, work)
        await part.start()
        part.look("thousands of photos")
        await asyncio.to_thread(begun.wait, 20)
        return part

    loop = asyncio.new_event_loop()
    part = loop.run_until_complete(begin())
    try:
        assert ended.wait(5)
    finally:
        may_end.set()
        loop.run_until_complete(part.stop())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
