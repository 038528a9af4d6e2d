"""The host's side of the process that makes pictures: starts it, speaks with it line by line, ends it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

from ... import log, settings
from ...errors import IsengardError
from ...files import told_plainly
from ...priority import step_back
from ...trainer.supervisor import tail_of

END_SECONDS = 3.0
_LONGEST_LINE = 2**24
"""Bytes; a preview is some ten thousand."""
_LOG = log.get("generator.process")


def _own_group() -> dict[str, Any]:
    """Ctrl+C in a terminal is for the host alone. A host without a console, as ComfyUI's desktop program, gets none by
    us: closing that window would end the process."""
    if os.name == "nt":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW  # type: ignore[attr-defined,unused-ignore]
        return {"creationflags": flags}
    return {"start_new_session": True}


class Process:
    """`python <pack> generate --child`: JSON lines on its standard input and output.

    Its standard input is its lifeline: it ends when that closes, so it never outlives us, whatever happens to us.
    """

    def __init__(self, process: asyncio.subprocess.Process, log_file: Path) -> None:
        self._process = process
        self._log_file = log_file

    @classmethod
    async def start(cls, log_file: Path) -> Process:
        """Starts it; what it logs or its libraries print goes to the file, which begins anew."""
        with told_plainly(log_file):
            log_file.parent.mkdir(parents=True, exist_ok=True)
            output = log_file.open("wb")
        with output:
            process = await asyncio.create_subprocess_exec(
                *settings.python(),
                str(settings.PACK),
                "generate",
                "--child",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=output,
                env=settings.child_environment(),
                limit=_LONGEST_LINE,
                **_own_group(),
            )
        step_back(process.pid)
        _LOG.info("started", pid=process.pid)
        return cls(process, log_file)

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it is still there."""
        return self._process.returncode is None

    def send(self, message: dict[str, Any]) -> None:
        """Says something to it; a process that is gone hears nothing, which `read` will tell."""
        assert self._process.stdin is not None
        with suppress(OSError, RuntimeError):
            self._process.stdin.write(json.dumps(message).encode() + b"\n")

    async def read(self) -> dict[str, Any] | None:
        """The next message; None when it is gone. A line that is no message is passed over."""
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            with suppress(ValueError):
                message = json.loads(line)
                if isinstance(message, dict) and isinstance(message.get("type"), str):
                    return message
            _LOG.warning("passed over a line", line=line[:200].decode("utf-8", "replace"))
        await self._process.wait()
        return None

    def explain_death(self) -> IsengardError:
        """The error for a process that went without a word."""
        code = self._process.returncode
        how = f"ended with code {code}" if code is not None and code >= 0 else f"was ended by signal {-(code or 0)}"
        if code is not None and -code == getattr(signal, "SIGKILL", None):
            how += " (killed from outside; the system does that when memory runs out)"
        tail = tail_of(self._log_file)
        _LOG.error("the process that makes pictures is gone", how=how, tail=tail)
        return IsengardError("GENERATOR_DIED", f"The process that makes pictures {how}.", tail=tail)

    async def end(self, patience: float = END_SECONDS) -> None:
        """Closes its lifeline, waits for `patience` seconds, then kills it. Returns when it is gone."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), patience)
        except asyncio.TimeoutError:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
