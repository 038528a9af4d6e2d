"""Files that come and go while a folder is looked at."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path


def coming_and_going(folder: Path, name: str, times: int = 1500, before: str = "") -> Iterator[int]:
    """Counts, while a thread makes and removes many files called like `name`, a number and `before` in front of it."""
    over = threading.Event()

    def work() -> None:
        files = [folder / f"{before}{number}-{name}" for number in range(40)]
        while not over.is_set():
            for file in files:
                file.write_bytes(b"x")
            for file in files:
                file.unlink()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield from range(times)
    finally:
        over.set()
        thread.join()
