"""Starts, watches and stops the trainer's process; whoever supervises sees the same events."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import log, settings
from ..errors import IsengardError
from ..priority import step_back
from ..sentences import Said
from .job import ACTIVE, EventReader, ExitCode, JobFolder, ask, read_events
from .lock import held_by

POLL_SECONDS = 0.1
FIRM_SECONDS = 30.0
"""How long a process that was asked by signal has before it is killed."""
_TAIL_BYTES = 4000
_LOG = log.get("trainer.supervisor")
_SUPERVISED: list[Path] = []
"""Folders of the jobs whose processes this process watches: the one thing that this module shares between threads."""


def supervised() -> list[Path]:
    """Folders of the jobs that are watched in this process: whoever finds one's trainer gone leaves the word to its
    supervisor."""
    return list(_SUPERVISED)


@dataclass
class Supervisor:
    """One attempt at one job in a process of its own.

    ```
    supervisor = Supervisor(job, correlation_id=…)
    async for event in supervisor.run():
        …
    supervisor.exit_code
    ```
    The process can't outlive us: it holds a pipe of ours as standard input and ends, saving its step, when that closes;
    leaving `run` early (an exception, a cancelled task) stops it firmly.
    """

    job: JobFolder
    correlation_id: str = ""
    log_level: str = "info"
    processes: int = 1
    only_prepare: bool = False
    grace_seconds: float = 60.0
    """How long a polite stop may take before the process is told by signal, and then killed."""
    exit_code: int | None = None
    _process: asyncio.subprocess.Process | None = field(default=None, repr=False)
    _killed: bool = field(default=False, repr=False)

    @property
    def output_file(self) -> Path:
        """What the process printed: the last words of one that died."""
        return self.job.path / "output.txt"

    async def run(self) -> AsyncIterator[dict[str, Any]]:
        """Starts the process and yields its events live until it is gone.

        A death without a last word leaves the job `interrupted`, with a TRAINER_DIED error event that says how it died
        and shows the end of its output. Raises JOB_LOCKED if another process has the job, and what stops the process
        from starting.
        """
        if (owner := self.job.owner()) is not None:
            raise held_by(owner, self.job.path)
        known = read_events(self.job.events_file)
        reader = EventReader(self.job.events_file, after=known[-1]["seq"] if known else 0)
        self._process = await self._start()
        _SUPERVISED.append(self.job.path)
        watch = asyncio.ensure_future(self._process.wait())
        try:
            while not watch.done():
                for event in reader.read():
                    yield event
                await asyncio.wait([watch], timeout=POLL_SECONDS)
            self.exit_code = watch.result()
            self._explain_death(self.exit_code)
            for event in reader.read():
                yield event
        finally:
            try:
                await self._end(watch)
            finally:
                _SUPERVISED.remove(self.job.path)

    async def stop(self, wish: str = "pause") -> None:
        """Asks for `pause` or `cancel`; after the grace by signal, at last by killing. Returns when it is gone."""
        ask(self.job.control_file, stop=wish)
        process = self._process
        if process is None or await _gone(process, self.grace_seconds):
            return
        _let_go(process)
        if not await _gone(process, min(self.grace_seconds, FIRM_SECONDS)):
            self._killed = True
            _kill_group(process.pid)
            await process.wait()

    async def _start(self) -> asyncio.subprocess.Process:
        command = [*settings.python(), str(settings.PACK), "train", str(self.job.path), "--lifeline", "--quiet"]
        command += ["--log-level", self.log_level]
        command += ["--correlation-id", self.correlation_id] if self.correlation_id else []
        command += ["--processes", str(self.processes)] if self.processes > 1 else []
        command += ["--prepare"] if self.only_prepare else []
        own_group: dict[str, Any] = {"start_new_session": True}
        if os.name == "nt":
            # No window either: where the host has none, closing it would kill the training.
            flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW  # type: ignore[attr-defined,unused-ignore]
            own_group = {"creationflags": flags}
        with self.output_file.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=settings.child_environment(),
                **own_group,
            )
        step_back(process.pid)
        _LOG.info("started the trainer", pid=process.pid, job=str(self.job.path))
        return process

    def _explain_death(self, code: int) -> None:
        """Marks a job whose process went without saying so; the lock's absence proves that it is gone."""
        if code == ExitCode.LOCKED:
            raise held_by(None, self.job.path)
        with self.job.writer() as writer:
            if code == ExitCode.DONE or writer.state.state not in (*ACTIVE, "queued"):
                return
            how = f"ended by signal {-code}" if code < 0 else f"ended with code {code}"
            if self._killed:
                how = "was killed because it did not end when it was asked to,"
            elif -code == getattr(signal, "SIGKILL", None):
                how += " (killed from outside; the system does that when memory runs out)"
            tail = tail_of(self.output_file)
            error = IsengardError("TRAINER_DIED", f"The trainer's process {how} without a last word.", tail=tail)
            writer.emit("error", **error.as_dict())
            if writer.state.state in ACTIVE:
                writer.set_state("interrupted", reason=error.message, error=error.as_dict())
            _LOG.error(str(error), tail=tail)

    async def _end(self, watch: asyncio.Future[int]) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        try:
            if not watch.done():
                _let_go(process)
                await _gone(process, min(self.grace_seconds, FIRM_SECONDS))
        finally:  # a second cancelling must not leave an orphan
            if os.name != "nt" or process.returncode is None:  # Windows soon gives its number to another
                _kill_group(process.pid)  # also what the process itself may have started and left behind
            if process.stdin is not None:
                process.stdin.close()
        self.exit_code = await watch
        if self.job.state().state in ACTIVE:
            text = "stopped together with the program that supervised it"
            self.job.mark_interrupted(Said("ended.with_host", text))


def tail_of(path: Path) -> str:
    """The end of a text file, at most some thousand characters."""
    try:
        with path.open("rb") as stream:
            stream.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            return stream.read().decode("utf-8", errors="replace")
    except OSError:
        return ""


async def _gone(process: asyncio.subprocess.Process, seconds: float) -> bool:
    """Waits for a process's end, at most so long."""
    try:
        await asyncio.wait_for(process.wait(), seconds)
        return True
    except asyncio.TimeoutError:
        return False


def _let_go(process: asyncio.subprocess.Process) -> None:
    """Closes the pipe that the trainer watches, and asks by signal: on Windows none reaches one without a window."""
    if process.stdin is not None:
        process.stdin.close()
    _ask_group(process.pid)


def _ask_group(pid: int) -> None:
    with suppress(OSError):  # it is gone
        if os.name == "nt":
            os.kill(pid, signal.CTRL_BREAK_EVENT)  # type: ignore[attr-defined,unused-ignore]
        else:
            os.killpg(pid, signal.SIGTERM)


def _kill_group(pid: int) -> None:
    if os.name == "nt":
        subprocess.run(["taskkill", "/F", "/T", "/PID", str(pid)], capture_output=True, check=False)
    else:
        with suppress(OSError):
            os.killpg(pid, signal.SIGKILL)
