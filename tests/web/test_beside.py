"""What is done beside the requests goes on after trouble of any kind."""

from __future__ import annotations

import asyncio
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
