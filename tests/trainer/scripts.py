"""What other processes do in the tests beside: `python scripts.py NAME ARGUMENTS…`."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import runpy
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

PACK = Path(__file__).resolve().parents[2]


def write_events(path: str) -> None:
    """Writes events in turns of long and short lines, each with a number, until standard input closes."""
    from isengard.trainer.events import EventWriter

    enough = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), enough.set()), daemon=True).start()
    writer, number = EventWriter(Path(path)), 0
    while not enough.is_set():
        writer.write("warning", message=f"{number} " + "ü" * (number % 7 * 500), code="X")
        number += 1


def write_events_forever(path: str) -> None:
    """Writes lines long enough to be killed within."""
    from isengard.trainer.events import EventWriter

    writer = EventWriter(Path(path))
    while True:
        writer.write("warning", message="x" * 400_000, code="X")


def fill_the_disk(path: str, limit: str) -> None:
    """Writes until the file may not grow any more, then one line less long."""
    from isengard.errors import IsengardError
    from isengard.trainer.events import EventWriter

    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
    writer = EventWriter(Path(path))
    try:
        while True:
            writer.write("warning", message="y" * 900, code="X")
    except IsengardError as error:
        print(error.code, flush=True)
    writer.write("warning", message="short", code="LAST")


def limited(limit: str, *arguments: str) -> None:
    """Becomes `python <arguments>`, in which no file can grow beyond `limit` bytes."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
    os.execv(sys.executable, [sys.executable, *arguments])


def halted(moment: str, *arguments: str) -> None:
    """Becomes `python <arguments>`, which halts itself: as soon as it has told an event with these fields, or before it
    gives something the name `renames`. Whoever wants it there may then come as late as they like."""
    from isengard.trainer.events import EventWriter

    fields = json.loads(moment)
    write, renames = EventWriter.write, fields.pop("renames", None)

    def halt() -> None:
        os.kill(os.getpid(), signal.SIGSTOP)

    def told(writer: EventWriter, kind: str, **values: Any) -> dict[str, Any]:
        event = write(writer, kind, **values)
        if not renames and fields.items() <= event.items():
            halt()
        return event

    def touched(event: str, values: tuple[Any, ...]) -> None:
        if event == "os.rename" and renames == Path(os.fsdecode(values[1])).name:
            halt()

    EventWriter.write = told  # type: ignore[method-assign]
    sys.addaudithook(touched)
    sys.argv = list(arguments)
    runpy.run_path(arguments[0], run_name="__main__")


def hold_lock(path: str) -> None:
    """Takes a lock and keeps it until killed."""
    from isengard.trainer.lock import Lock

    Lock(Path(path)).take()
    print("held", flush=True)
    time.sleep(600)


def race_for_lock(path: str) -> None:
    """Tries for a lock at the moment that it is told; says who won and holds on until standard input closes."""
    from isengard.errors import IsengardError
    from isengard.trainer.lock import Lock

    lock = Lock(Path(path))
    print("ready", flush=True)
    time.sleep(max(0.0, float(sys.stdin.readline()) - time.time()))
    try:
        lock.take()
    except IsengardError as error:
        print(error.code, flush=True)
    else:
        print("won", flush=True)
    sys.stdin.read()


def supervise(job: str) -> None:
    """Supervises a job and says so at the first loss."""
    from isengard import log
    from isengard.trainer.job import JobFolder
    from isengard.trainer.supervisor import Supervisor

    log.configure("error")

    async def watch() -> None:
        async for event in Supervisor(JobFolder(Path(job))).run():
            if event["type"] == "loss":
                print("training", flush=True)

    asyncio.run(watch())


if __name__ == "__main__":
    runpy.run_path(str(PACK / "loader.py"))["load_package"](PACK)
    globals()[sys.argv[1]](*sys.argv[2:])
