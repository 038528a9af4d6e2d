"""The server as a real process, and a plain client for it, for the tests beside."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from isengard import settings
from isengard.tests.warm.interpreter import taken_for

PATIENCE = 240.0
"""Seconds to wait for what happens; only a hanging server needs them."""
SMALL: dict[str, Any] = {
    "resolutions": [64], "steps": 12, "batch_size": 2, "warmup_steps": 2, "rank": 4, "save_every": 4, "sample_every": 4,
    "log_every": 1, "sample_prompts": ["{trigger} person", "person"], "sample_steps": 2, "sample_width": 64,
    "sample_height": 64, "device": "cpu",
}  # fmt: skip
"""Settings of a training of seconds in which everything happens."""
LONG = {**SMALL, "steps": 5000, "save_every": 20, "sample_every": 0}
"""One that goes on until it is stopped."""


@dataclass
class Answer:
    """What the server said."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The error's code; empty for no error."""
        return str(self.json()["error"]["code"]) if self.status >= 400 else ""


@dataclass
class Client:
    """Asks one server."""

    port: int
    prefix: str = "/isengard"

    def ask(self, method: str, path: str, body: Any = None, *, data: bytes | None = None, **headers: str) -> Answer:
        """One request on a connection of its own; `body` is sent as JSON, `data` as it is."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            data = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        try:
            connection.request(method, self.prefix + path, data, sent)
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, found, response.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Any:
        """The JSON at an address; fails for anything but 200."""
        answer = self.ask("GET", path, **headers)
        assert answer.status == 200, answer.body
        return answer.json()

    def post(self, path: str, body: Any = None, status: int | tuple[int, ...] = (200, 201)) -> Any:
        """Posts JSON and gives the answer's."""
        answer = self.ask("POST", path, {} if body is None and not path.endswith(_BODILESS) else body)
        assert answer.status in ((status,) if isinstance(status, int) else status), answer.body
        return answer.json()

    def until(self, path: str, seen: Callable[[Any], Any], pause: float = 0.1) -> Any:
        """Asks again and again until the answer is as wanted, and gives it."""
        deadline = time.monotonic() + PATIENCE
        while True:
            found = self.get(path)
            if seen(found):
                return found
            assert time.monotonic() < deadline, f"this never happened; the last answer: {found}"
            time.sleep(pause)

    def state(self, job: str, *wanted: str) -> Any:
        """Waits until a job has one of these states."""
        return self.until(f"/training/{job}", lambda found: found["state"] in wanted)

    def events(self, path: str, last: str = "") -> Stream:
        """Opens a stream."""
        return Stream(self.port, self.prefix + path, last)


_BODILESS = ("/pause", "/cancel", "/resume", "/restore", "/sample", "/save")


@dataclass(frozen=True)
class Event:
    """One server-sent event."""

    id: str
    kind: str
    data: Any


class Stream:
    """A stream of events that is read in a thread."""

    def __init__(self, port: int, path: str, last: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        self._connection.request("GET", path, headers={"Last-Event-ID": last} if last else {})
        self._response = self._connection.getresponse()
        self.status = self._response.status
        self.seen: list[Event] = []
        self.beats = 0
        self.ended = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        values: dict[str, str] = {}
        try:
            while line := self._response.readline():
                text = line.decode().rstrip("\n")
                if text.startswith(":"):
                    self.beats += 1
                elif text:
                    name, _, value = text.partition(": ")
                    values[name] = value
                elif "data" in values:
                    self.seen.append(Event(values.get("id", ""), values.get("event", ""), json.loads(values["data"])))
                    values = {}
        except (OSError, http.client.HTTPException, ValueError, AttributeError):
            pass
        self.ended = True

    def until(self, seen: Callable[[Event], Any]) -> Event:
        """Waits for an event."""
        deadline = time.monotonic() + PATIENCE
        while True:
            for event in list(self.seen):
                if seen(event):
                    return event
            assert not self.ended, f"the stream ended first: {self.seen[-5:]}"
            assert time.monotonic() < deadline, f"this event never came; the last ones: {self.seen[-5:]}"
            time.sleep(0.02)

    def wait_end(self) -> None:
        """Waits for the end of the stream."""
        self._thread.join(PATIENCE)
        assert self.ended

    def close(self) -> None:
        """Breaks the connection off."""
        if self._connection.sock is not None:
            self._connection.sock.close()
        self._connection.close()


@dataclass
class Server:
    """`python . serve` on a library, on a free port."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    python: str = sys.executable
    pack: Path = settings.PACK
    warm: bool = True
    """Whether what it starts has its imports done; not where processes' numbers or beginnings matter."""
    process: subprocess.Popen[str] | None = None
    output: list[str] = field(default_factory=list)

    def start(self) -> Client:
        """Starts it and waits until it listens."""
        self.output.clear()
        python = taken_for(self.python) if self.warm else self.python
        self.process = subprocess.Popen(
            [python, str(self.pack), "serve", "--root", str(self.root), "--port", "0", *self.arguments],
            executable=self.python, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True,
            env={"OMP_NUM_THREADS": "1", **os.environ, "PYTHONUTF8": "1", "ISENGARD_TOKEN": "", **self.environment},
        )  # fmt: skip
        listening = threading.Event()
        port: list[int] = []

        def read() -> None:
            assert self.process is not None
            assert self.process.stdout is not None
            for line in self.process.stdout:
                self.output.append(line)
                if match := re.search(r"Isengard is at http://[^ ]*:(\d+)/", line):
                    port.append(int(match[1]))
                    listening.set()
            listening.set()

        threading.Thread(target=read, daemon=True).start()
        assert listening.wait(PATIENCE)
        assert port, "".join(self.output)
        return Client(port[0])

    def kill(self) -> None:
        """Kills it as hard as the system can."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(PATIENCE)

    def stop(self) -> int:
        """Ends it as Ctrl+C does, and gives the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(PATIENCE)

    def end(self) -> None:
        """Whatever became of it, it is gone afterwards."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(60)


def running(server: Server) -> Iterator[Server]:
    """For fixtures."""
    try:
        yield server
    finally:
        server.end()
