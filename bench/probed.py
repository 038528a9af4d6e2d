"""`python . serve` with a probe in it, for bench/server.py: what requests and the event loop needed, told at the end.

    python bench/probed.py FIGURES EXPLAIN serve's arguments…

Nothing is written while the server runs. FIGURES is a JSON file of lists: `requests` (when, path, seconds from the
request read to the answer written), `late` (when, seconds that the event loop was late), `collections` (when, seconds
of CPU in which Python looked for garbage) and, with EXPLAIN 1, `held` (when, seconds, where the loop's thread was).
Times are of the system's monotonic clock.
"""

from __future__ import annotations

import asyncio
import functools
import gc
import json
import logging
import runpy
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

PACK = Path(__file__).resolve().parent.parent
runpy.run_path(str(PACK / "loader.py"))["load_package"](PACK)

from aiohttp import web  # noqa: E402
from aiohttp.abc import AbstractAccessLogger  # noqa: E402

from isengard.bench.phases import EVERY_SECONDS, Late  # noqa: E402
from isengard.cli import serve  # noqa: E402

_HELD_SECONDS = 0.015
"""A loop that is so late is asked why."""
_FRAMES = 5


class Probe:
    """What is found out."""

    def __init__(self) -> None:
        self.late = Late()
        self.requests: list[tuple[float, str, float]] = []
        self.collections: list[tuple[float, float]] = []
        self.held: list[tuple[float, float, str]] = []
        self._collecting = 0.0

    def collected(self, phase: str, _info: dict[str, int]) -> None:
        """Python's garbage collector begins and ends."""
        if phase == "start":
            self._collecting = time.thread_time()  # not the clock: it may have to wait for a core
        else:
            self.collections.append((time.monotonic(), time.thread_time() - self._collecting))

    def explain(self, thread: int) -> None:
        """Looks where the loop's thread is whenever the loop is late; runs in a thread of its own."""
        while True:
            time.sleep(EVERY_SECONDS)
            moment = time.monotonic()
            if moment - self.late.seen - EVERY_SECONDS > _HELD_SECONDS:
                stack = traceback.extract_stack(sys._current_frames()[thread])[-_FRAMES:]
                where = " < ".join(f"{Path(at.filename).name}:{at.lineno} {at.name}" for at in reversed(stack))
                self.held.append((moment, moment - self.late.seen, where))

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"requests": self.requests, "late": self.late.found, "collections": self.collections, "held": self.held}


class _Requests(AbstractAccessLogger):
    """aiohttp tells it of each answer that was written."""

    probe: Probe

    def log(self, request: web.BaseRequest, _response: web.StreamResponse, time: float) -> None:
        self.probe.requests.append((asyncio.get_running_loop().time(), request.path, time))


class _Runner(web.AppRunner):
    """The server's, with the probe in it."""

    probe: Probe
    with_explanation: bool

    def __init__(self, app: web.Application, **options: Any) -> None:
        logger = logging.getLogger("probe")
        super().__init__(app, **{**options, "access_log": logger, "access_log_class": _Requests})

    async def setup(self) -> None:
        await super().setup()
        self._watching = asyncio.ensure_future(self.probe.late.watch())
        if self.with_explanation:
            explain = functools.partial(self.probe.explain, threading.get_ident())
            threading.Thread(target=explain, daemon=True).start()


def main(argv: list[str]) -> int:
    """Serves; returns what `serve` does."""
    figures, explain, *arguments = argv
    probe = _Requests.probe = _Runner.probe = Probe()
    _Runner.with_explanation = explain == "1"
    gc.callbacks.append(probe.collected)
    web.AppRunner = _Runner  # type: ignore[misc]
    code = serve.main(arguments)
    Path(figures).write_text(json.dumps(probe.as_dict()), encoding="utf-8")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
