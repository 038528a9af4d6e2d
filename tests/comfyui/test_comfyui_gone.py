"""A ComfyUI that goes while it is to make pictures: noticed, told, and nothing waits for ever."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from isengard.errors import IsengardError
from isengard.generator.comfyui import following
from isengard.generator.comfyui.generator import ComfyUIGenerator
from isengard.generator.interface import ComfyUIAt, Event
from isengard.generator.request import GenerationRequest
from isengard.tests.comfyui.canvas.standins import WAITER, hold
from isengard.tests.comfyui.packs import furnish_with_packs
from isengard.tests.comfyui.running import Running

pytestmark = [pytest.mark.slow, pytest.mark.comfyui]
REQUEST = GenerationRequest(prompt="somebody", generator="comfyui", count=2)


async def asked(host: Running, folder: Path, after: Callable[[], Any]) -> tuple[list[Event], str]:
    """Asks for pictures while the queue is held, does something once they wait, and gives events and the error."""
    generator = ComfyUIGenerator(ComfyUIAt(address=lambda: f"http://127.0.0.1:{host.port}"))
    events: list[Event] = []
    try:
        async with aclosing(generator.run(REQUEST, folder, asyncio.Event())) as run:
            async for event in run:
                events.append(event)
                if len(events) == 1:
                    await asyncio.to_thread(after)
    except IsengardError as problem:
        return events, problem.code
    finally:
        await generator.close()
    return events, ""


def test_a_comfyui_that_goes_is_noticed(
    another: Callable[..., Running], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that stays away, and one that was begun anew with an empty queue; the waiting was told before."""
    monkeypatch.setattr(following, "PATIENCE_SECONDS", 300.0)
    host = furnish_with_packs(another())
    (host.base / "custom_nodes" / "hold_the_queue.py").write_text(WAITER, encoding="utf-8")
    hold(host.start())

    def gone() -> None:
        monkeypatch.setattr(following, "PATIENCE_SECONDS", 3.0)
        host.kill()

    events, code = asyncio.run(asked(host, tmp_path / "one", gone))
    told = {"type": "queued", "position": 1, "reason": "ComfyUI works on something else first"}
    assert told.items() <= events[0].items()
    assert code == "COMFYUI_UNREACHABLE"
    monkeypatch.setattr(following, "PATIENCE_SECONDS", 300.0)
    hold(host.start())

    begun_anew = threading.Timer(3 * following.LOOK_SECONDS, host.start)

    def anew() -> None:
        host.kill()
        begun_anew.start()

    _, code = asyncio.run(asked(host, tmp_path / "two", anew))
    begun_anew.join()
    assert code == "COMFYUI_FAILED"
