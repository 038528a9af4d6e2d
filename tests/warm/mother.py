"""A Python that has imported what is dear to import, and forks whenever a stand-in asks for it.

    python mother.py LISTENER STAND_IN

LISTENER is the number of an open socket. It works until its standard input closes.

A stand-in sends the length of its wish with its three standard streams, then the wish as JSON (words, folder,
environment), then the number of every signal that it gets. It hears the fork's exit code, negative for a signal. If it
hangs up, its fork is killed.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import io
import json
import os
import runpy
import selectors
import signal
import socket
import sys
import threading
import traceback
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

DEAR = {
    "torch._dynamo": (),
    "torch.utils.checkpoint": (),
    "numpy": (),
    "PIL.Image": (),
    "safetensors.torch": (),
    "structlog": (),
    "peft": ("LoraConfig", "inject_adapter_in_model"),
    "accelerate": ("Accelerator",),
    "diffusers": ("AutoencoderKL", "FluxTransformer2DModel", "FlowMatchEulerDiscreteScheduler", "FluxPipeline"),
    "transformers": (
        "CLIPTextConfig", "CLIPTextModel", "CLIPTokenizer", "Florence2ForConditionalGeneration", "Florence2Processor",
        "PreTrainedTokenizerFast", "T5Config", "T5EncoderModel",
    ),
}  # fmt: skip
"""Modules, and what is to be taken from those that import their parts when they are asked for."""
STEPPED_BACK = 10
"""The niceness of a fork: what the pack gives to the processes that it starts."""


@dataclass
class Fork:
    """One that runs, and the line to its stand-in."""

    pid: int
    line: socket.socket


def main(number: str, stand_in: str) -> None:
    """Forks until standard input closes; not as a child of whoever runs the tests, which look at their children."""
    if os.fork():
        os._exit(0)
    _import()
    listener = socket.socket(fileno=int(number))
    wake, waker = socket.socketpair()
    for end in (listener, wake, waker):
        end.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
    wait = selectors.DefaultSelector()
    for source in (listener, wake, sys.stdin.buffer):
        wait.register(source, selectors.EVENT_READ)
    forks: dict[int, Fork] = {}
    while True:
        for key, _ in wait.select():
            if key.fileobj is listener:
                line, _address = listener.accept()
                line.setblocking(True)
                if fork := _fork(line, stand_in, [listener, wake, waker, wait, *(f.line for f in forks.values())]):
                    forks[fork.pid] = fork
                    wait.register(line, selectors.EVENT_READ, fork)
            elif key.fileobj is wake:
                wake.recv(4096)
            elif key.fileobj is sys.stdin.buffer:
                for fork in forks.values():
                    _kill(fork.pid, signal.SIGKILL, group=True)
                os._exit(0)
            else:
                _pass_on(key.data, wait)
        _tell_ends(forks, wait)


def _import() -> None:
    """What is dear; the garbage collector leaves it alone from now on, so that forks share it."""
    for name, parts in DEAR.items():
        with suppress(ImportError):
            module = importlib.import_module(name)
            for part in parts:
                getattr(module, part)
    gc.collect()
    gc.freeze()


def _fork(line: socket.socket, stand_in: str, ours: list[Any]) -> Fork | None:
    """Reads a wish and forks for it; nothing if the stand-in has hung up already."""
    streams: list[int] = []
    try:
        head, streams, _, _ = socket.recv_fds(line, 4, 3)
        wish = b""
        while len(wish) < (length := int.from_bytes(head, "big")):
            more = line.recv(length - len(wish))
            if not more:
                raise ConnectionError
            wish += more
        if len(streams) != 3:
            raise ConnectionError
        pid = os.fork()
        if pid == 0:
            _become(json.loads(wish), streams, stand_in, [line, *ours])
        return Fork(pid, line)
    except OSError:
        line.close()
        return None
    finally:
        for stream in streams:
            os.close(stream)


def _become(wish: dict[str, Any], streams: list[int], stand_in: str, mothers: list[Any]) -> NoReturn:
    """In the fork: runs the program as Python itself would."""
    code = 1
    try:
        os.setsid()
        for thing in mothers:
            thing.close()
        os.nice(STEPPED_BACK)
        with suppress(OSError):
            Path("/proc/self/autogroup").write_text(str(STEPPED_BACK), encoding="ascii")
        for place, stream in enumerate(streams):
            os.dup2(stream, place)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.environ.clear()
        os.environ.update(wish["environment"])
        os.chdir(wish["folder"])
        sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)), encoding="utf-8")
        sys.stdout, sys.stderr = (_unbuffered(number) for number in (1, 2))
        sys.argv = wish["words"]
        sys.executable = stand_in
        del sys.path[0]  # ours
        if numpy := sys.modules.get("numpy"):
            numpy.random.seed()
        runpy.run_path(sys.argv[0], run_name="__main__")
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:  # noqa: BLE001 (as Python itself)
        traceback.print_exc()
    finally:
        with suppress(BaseException):
            threading._shutdown()  # type: ignore[attr-defined]
        with suppress(BaseException):
            atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            with suppress(BaseException):
                stream.flush()
        os._exit(code & 0xFF)


def _unbuffered(number: int) -> io.TextIOWrapper:
    """A stream as `python -u` has it."""
    raw = io.FileIO(number, "w", closefd=False)
    return io.TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace", write_through=True)  # type: ignore[type-var]


def _pass_on(fork: Fork, wait: selectors.BaseSelector) -> None:
    """Signals that the stand-in got; its end is the fork's."""
    with suppress(OSError):
        if numbers := fork.line.recv(64):
            for number in numbers:
                _kill(fork.pid, number)
            return
    wait.unregister(fork.line)
    fork.line.close()
    _kill(fork.pid, signal.SIGKILL, group=True)


def _tell_ends(forks: dict[int, Fork], wait: selectors.BaseSelector) -> None:
    """What has ended is told to its stand-in."""
    for pid in list(forks):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended == 0:
            continue
        fork = forks.pop(pid)
        if fork.line.fileno() < 0:
            continue
        with suppress(OSError):
            fork.line.sendall(os.waitstatus_to_exitcode(status).to_bytes(4, "big", signed=True))
        wait.unregister(fork.line)
        fork.line.close()


def _kill(pid: int, number: int, *, group: bool = False) -> None:
    for end in (os.kill, os.killpg) if group else (os.kill,):  # it may not lead its group yet
        with suppress(ProcessLookupError, PermissionError):
            end(pid, number)


if __name__ == "__main__":
    main(*sys.argv[1:])
