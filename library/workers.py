"""The library's processes that look at photos: started when needed, replaced when they die, ended when idle."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from .. import log, settings
from ..errors import KINDS, IsengardError, error_from
from ..media.pictures import shown_name
from ..priority import step_back
from . import scratch
from .records import Edit

COUNT = max(1, min(4, os.cpu_count() or 1))
TIME_LIMIT = 120.0
"""Seconds for one photo; the largest that is allowed takes about five."""
IDLE_SECONDS = 60.0
_LOG = log.get("library.workers")


class PhotoWorkers:
    """A few worker processes. Any thread may `take`; each call waits for a free one."""

    def __init__(self, models: Path, scratch: Path, count: int = COUNT) -> None:
        self.count = count
        self._models = models
        self._scratch = scratch
        """Results are written here: on the library's disk, so that they can be renamed into place."""
        self._free: list[_Worker] = []
        self._slots = threading.BoundedSemaphore(count)
        self._guard = threading.Lock()
        self._reaper: threading.Timer | None = None

    @contextmanager
    def take(
        self,
        source: Path,
        edit: Edit | None = None,
        *,
        keep_original: bool,
        ending: str = "",
        facts: Path | None = None,
    ) -> Iterator[tuple[dict[str, Any], Path]]:
        """What `worker.take` found, and the folder with the files it wrote; the folder goes when the block ends.

        `facts` is the file that was given, where `source` was made from it.

        Raises PHOTO_UNREADABLE, PHOTO_TOO_LARGE, PHOTO_TOO_SMALL, EDIT_INVALID.
        """
        edit = edit or Edit()
        with scratch.workspace(self._scratch, "photo") as desk:
            task = {
                "source": str(source),
                "out": str(desk.path),
                **edit.as_dict(),
                "keep_original": keep_original,
                "ending": ending,
                "facts": str(facts or source),
                "models": str(self._models),
            }
            answer = self._ask(task)
            # Perhaps it was dead before: a photo that kills twice is to blame.
            if "died" in answer and not answer["slow"]:
                answer = self._ask(task)
            yield _result(answer, source), desk.path

    def close(self) -> None:
        """Ends the processes."""
        with self._guard:
            workers, self._free = self._free, []
            if self._reaper:
                self._reaper.cancel()
        for worker in workers:
            worker.end()

    def _ask(self, task: dict[str, Any]) -> dict[str, Any]:
        with self._worker() as worker:
            return worker.ask(task)

    @contextmanager
    def _worker(self) -> Iterator[_Worker]:
        with self._slots:
            with self._guard:
                worker = self._free.pop() if self._free else None
            worker = worker if worker and worker.alive() else _Worker()
            try:
                yield worker
            finally:
                if worker.alive():
                    with self._guard:
                        self._free.append(worker)
                        self._watch()
                else:
                    worker.end()

    def _watch(self) -> None:
        if self._reaper is None or not self._reaper.is_alive():
            self._reaper = threading.Timer(IDLE_SECONDS, self._end_idle)
            self._reaper.daemon = True
            self._reaper.start()

    def _end_idle(self) -> None:
        moment = time.monotonic()
        with self._guard:
            idle = [worker for worker in self._free if moment - worker.used > IDLE_SECONDS * 0.9]
            self._free = [worker for worker in self._free if worker not in idle]
            self._reaper = None
            if self._free:
                self._watch()
        for worker in idle:
            worker.end()


class _Worker:
    """One process."""

    def __init__(self) -> None:
        self.used = time.monotonic()
        self._process = subprocess.Popen(
            [*settings.python(), str(settings.PACK), "_photos"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
            env={**settings.child_environment(), "OMP_NUM_THREADS": "1"},
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        step_back(self._process.pid)

    def alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, task: dict[str, Any]) -> dict[str, Any]:
        """The answer to a task; `{"died": how, "slow": whether it took too long}` if the process is gone."""
        slow = threading.Event()

        def give_up() -> None:
            slow.set()
            self._process.kill()

        watchdog = threading.Timer(TIME_LIMIT, give_up)
        watchdog.start()
        try:
            _pipe(self._process.stdin).write(json.dumps(task) + "\n")
            _pipe(self._process.stdin).flush()
            line = _pipe(self._process.stdout).readline()
        except OSError:
            line = ""
        finally:
            watchdog.cancel()
        self.used = time.monotonic()
        if line.endswith("\n"):
            return dict(json.loads(line))
        self.end()
        return {"died": self._process.returncode, "slow": slow.is_set()}

    def end(self) -> None:
        """Closes its input, and kills it if that is not enough."""
        for pipe in (self._process.stdin, self._process.stdout):
            try:
                _pipe(pipe).close()
            except OSError:
                continue  # it died with something unread
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


def _result(answer: dict[str, Any], source: Path) -> dict[str, Any]:
    if "result" in answer:
        return dict(answer["result"])
    if "error" in answer and answer["error"]["code"] in KINDS:
        raise error_from(answer["error"])
    _LOG.error("photo_defect", photo=shown_name(source), **answer)
    raise IsengardError("PHOTO_UNREADABLE", f"{shown_name(source)} could not be looked at: the decoder failed on it.")
