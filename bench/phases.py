"""A stretch of time of bench/server.py, and whose part in it was what."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

EVERY_SECONDS = 0.01


def share(values: Sequence[float], part: float) -> float:
    """What so large a part of the values does not exceed; 0 for none."""
    found = sorted(values)
    return found[min(len(found) - 1, int(len(found) * part))] if found else 0.0


def waited(pid: int) -> float:
    """Seconds that a process's threads were ready and had no core; 0 where the system does not say."""
    total = 0.0
    for thread in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        try:
            total += int(thread.read_text(encoding="ascii").split()[1]) / 1e9
        except (OSError, ValueError, IndexError):
            continue
    return total


class Late:
    """How late the loop was that it runs in, again and again."""

    def __init__(self) -> None:
        self.found: list[tuple[float, float]] = []
        self.seen = time.monotonic()
        """When the loop was last there."""

    async def watch(self) -> None:
        """Until it is cancelled."""
        while True:
            due = time.monotonic() + EVERY_SECONDS
            await asyncio.sleep(EVERY_SECONDS)
            self.seen = time.monotonic()
            self.found.append((self.seen, self.seen - due))


class Phase:
    """From entering to leaving it."""

    def __init__(self, name: str, pids: Mapping[str, int]) -> None:
        self.name = name
        self.pages = 0
        """How many were asked for."""
        self.seen: dict[str, float] = {}
        """What clients saw."""
        self._pids = pids
        self._begin = self._end = 0.0
        self._cpu: dict[str, float] = {}
        self._waited: dict[str, float] = {}

    def __enter__(self) -> Phase:
        self._begin = time.monotonic()
        self._cpu = {name: -_cpu(pid) for name, pid in self._pids.items()}
        self._waited = {name: -waited(pid) for name, pid in self._pids.items()}
        return self

    def __exit__(self, *_problem: object) -> None:
        self._end = time.monotonic()
        for name, pid in self._pids.items():
            self._cpu[name] += _cpu(pid)
            self._waited[name] += waited(pid)

    def figures(self, probed: Mapping[str, Any]) -> dict[str, float]:
        """What the server's probe and the system say about it."""
        seconds = self._end - self._begin
        pages = [took for at, path, took in probed["requests"] if self._holds(at) and path == "/isengard/images"]
        late = [how_late for at, how_late in probed["late"] if self._holds(at)]
        collected = [took for at, took in probed["collections"] if self._holds(at)]
        self._tell(probed)
        parts = self.seen | {
            "server's CPU for all it does, ms a page": self._cpu["server"] / max(1, self.pages) * 1000,
            "server's own time, median, ms": share(pages, 0.5) * 1000,
            "server's own time, p99, ms": share(pages, 0.99) * 1000,
            "server's loop late, p99, ms": share(late, 0.99) * 1000,
            "server's loop late at worst, ms": max(late, default=0.0) * 1000,
            "server's longest look for garbage, ms of CPU": max(collected, default=0.0) * 1000,
        }
        for name in self._pids:
            parts[f"{name}: CPU, ms a second"] = self._cpu[name] / seconds * 1000
            parts[f"{name}: waited for a core, ms a second"] = self._waited[name] / seconds * 1000
        return {f"{self.name}: {what}": value for what, value in parts.items()}

    def _holds(self, moment: float) -> bool:
        return self._begin <= moment <= self._end

    def _tell(self, probed: Mapping[str, Any]) -> None:
        """Where the loop was when it was late; only there if it was asked for."""
        held = [(how_long, where) for at, how_long, where in probed["held"] if self._holds(at)]
        for where, times in Counter(where for _, where in held).most_common(12):
            longest = max(how_long for how_long, there in held if there == where)
            print(f"{self.name}: held up {times} times, {longest * 1000:.0f} ms: {where}", file=sys.stderr)


def _cpu(pid: int) -> float:
    return float(sum(psutil.Process(pid).cpu_times()[:2]))
