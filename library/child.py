"""A child process that answers line by line: what needs a model runs there, and the library stays light."""

from __future__ import annotations

import json
import queue
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from .. import settings
from ..priority import step_back

_TAIL_BYTES = 4000
_DYING_SECONDS = 5.0


class ChildDiedError(Exception):
    """The child ended, or said something that is no answer."""


class Child:
    """A program of ours in a process of its own: JSON lines go in and come out.

    It can't outlive us: it ends when its standard input closes, which the system does for us when we are killed.
    Whoever starts it calls `end`.
    """

    def __init__(self, program: Path, arguments: Sequence[str]) -> None:
        self.ended = False
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 (`end` closes it)
        self._lines: queue.Queue[bytes] = queue.Queue()
        self._process = subprocess.Popen(
            [*settings.python(), str(program), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._words,
            env=settings.child_environment(),
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        step_back(self._process.pid)
        self._reader = threading.Thread(target=self._read, daemon=True, name=f"lines of {program.stem}")
        self._reader.start()

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def ask(self, question: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Sends a line and waits for the answer. Raises TimeoutError and ChildDiedError."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(question).encode() + b"\n")
            self._process.stdin.flush()
        except OSError as problem:
            raise self._died() from problem
        return self.answer(seconds)

    def answer(self, seconds: float) -> dict[str, Any]:
        """The next line. Raises TimeoutError and ChildDiedError."""
        try:
            line = self._lines.get(timeout=seconds)
        except queue.Empty:
            raise TimeoutError(f"no answer in {seconds:g} seconds") from None
        try:
            answer: object = json.loads(line) if line else None
        except ValueError as problem:
            raise ChildDiedError(f"answered {line[:80]!r}, which is no JSON") from problem
        if not isinstance(answer, dict):
            raise self._died()
        return answer

    def tail(self) -> str:
        """The last words that the process printed."""
        with suppress(OSError, ValueError):
            self._words.seek(0, 2)
            self._words.seek(max(0, self._words.tell() - _TAIL_BYTES))
            return self._words.read().decode("utf-8", errors="replace")
        return ""

    def kill(self) -> None:
        """Kills it, from any thread; whoever waits for an answer is told ChildDiedError."""
        with suppress(OSError):
            self._process.kill()

    def end(self) -> None:
        """Kills it and waits until it is gone; it holds nothing that could be lost. May be called again."""
        if self.ended:
            return
        self.ended = True
        with suppress(OSError):
            self._process.kill()
        self._process.wait()
        self._reader.join(_DYING_SECONDS)
        for stream in (self._process.stdin, self._process.stdout):
            with suppress(OSError):  # a last line may be unsent
                if stream is not None:
                    stream.close()
        self._words.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with suppress(OSError, ValueError):
            for line in self._process.stdout:
                self._lines.put(line)
        self._lines.put(b"")

    def _died(self) -> ChildDiedError:
        until = time.monotonic() + _DYING_SECONDS
        while self._process.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
        code = self._process.returncode
        if code is None:
            return ChildDiedError("stopped talking")
        if code == -9:
            return ChildDiedError("was killed from outside (the system does that when memory runs out)")
        return ChildDiedError(f"ended by signal {-code}" if code < 0 else f"ended with code {code}")
