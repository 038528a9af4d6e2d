"""Several trainer processes for one job on this machine: what `accelerate launch` does, without leaving orphans.

The processes find each other by torch's environment variables, so that `accelerate launch` may start them as well. Each
holds a pipe of ours as its lifeline: closing the first one's is how it is asked to save and to end, on every system,
and if we are gone they end by themselves.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from contextlib import suppress
from types import FrameType

from .. import settings
from ..errors import IsengardError
from .config import TrainingConfig
from .job import ExitCode

PATIENCE_SECONDS = 30.0
"""How long the others may go on when one process has ended."""
_POLL_SECONDS = 0.1


def check_processes(config: TrainingConfig, processes: int) -> None:
    """Raises PROCESSES_DO_NOT_DIVIDE unless so many processes can share a step equally."""
    if processes < 1:
        raise IsengardError("USAGE", f"The number of processes must be 1 or more, got {processes}.")
    if config.gradient_accumulation % processes and config.batch_size % processes:
        raise IsengardError(
            "PROCESSES_DO_NOT_DIVIDE",
            f"{processes} processes can't share batch_size {config.batch_size} and "
            f"gradient_accumulation {config.gradient_accumulation} equally.",
        )


def train_together(config: TrainingConfig, processes: int, arguments: list[str], *, lifeline: bool = False) -> int:
    """Runs `python <pack> <arguments>` so many times together and returns the first process's exit code.

    SIGTERM, Ctrl+C and, with `lifeline`, the end of standard input ask them to save and to end.
    """
    check_processes(config, processes)
    asked = threading.Event()
    _heed(asked, lifeline)
    command = [*settings.python(), str(settings.PACK), *arguments, "--lifeline"]
    threads = {"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // processes))}
    shared = threads | settings.child_environment() | _meeting_place(processes)
    group: list[subprocess.Popen[bytes]] = []
    try:
        for rank in range(processes):
            environment = shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)}
            group.append(subprocess.Popen(command, stdin=subprocess.PIPE, env=environment))
        _watch(group, asked)
    finally:
        for process in group:
            process.kill()
            process.wait()
    first = group[0].returncode
    return first if first >= 0 else ExitCode.INTERNAL


def _watch(group: list[subprocess.Popen[bytes]], asked: threading.Event) -> None:
    """Returns when all have ended, or when one has and the others had time to."""
    deadline = 0.0
    while any(process.poll() is None for process in group):
        if asked.is_set():
            _close_lifeline(group[0])
        if any(process.returncode is not None for process in group):
            deadline = deadline or time.monotonic() + PATIENCE_SECONDS
            if time.monotonic() > deadline:
                return
        time.sleep(_POLL_SECONDS)


def _close_lifeline(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None and not process.stdin.closed:
        process.stdin.close()


def _heed(asked: threading.Event, lifeline: bool) -> None:
    def on_signal(_number: int, _frame: FrameType | None) -> None:
        asked.set()

    def wait() -> None:
        with suppress(OSError):
            while os.read(0, 1):
                pass
        asked.set()

    for name in ("SIGTERM", "SIGINT", "SIGBREAK", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, on_signal)
    if lifeline:
        threading.Thread(target=wait, name="lifeline", daemon=True).start()


def _meeting_place(processes: int) -> dict[str, str]:
    """What torch.distributed needs to know."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": str(processes),
        "LOCAL_WORLD_SIZE": str(processes),
        "USE_LIBUV": "0" if os.name == "nt" else "1",  # torch for Windows is built without it
    }
