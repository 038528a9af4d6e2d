"""Where a job of the library is made: aside, so that it appears whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ..files import replace, sync, told_plainly, write_json
from ..process import birth_time
from ..trainer.job import JobFolder
from .job_files import FORMAT, ORIGIN

_MAKING = ".making"


@contextmanager
def made_aside(jobs: Path, slug: str) -> Iterator[tuple[Path, str]]:
    """A place to make a job in, gone afterwards whatever happens, and the job's id: whose it is, and the moment."""
    moment = datetime.now(timezone.utc).strftime("%Y%m%d-%H%M%S")
    job_id = f"{slug[:40]}-{moment}-{secrets.token_hex(2)}"
    aside = jobs / _MAKING / f"{os.getpid()}-{job_id}"
    with told_plainly(aside):
        aside.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield aside, job_id
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def put(jobs: Path, aside: Path, job_id: str, origin: dict[str, Any]) -> None:
    """Gives a new job its place, with its origin."""
    write_json(aside / ORIGIN, {"format": FORMAT, **origin, "photos": len(JobFolder(aside).dataset())})
    with told_plainly(aside):
        replace(aside, jobs / job_id)
        sync(jobs)


def clear(jobs: Path) -> None:
    """Takes away what killed processes left half-made. Others, and other threads of this one, may be making jobs."""
    with suppress(OSError):
        for path in (jobs / _MAKING).iterdir():
            maker = path.name.lstrip(".").partition("-")[0]
            if not (maker.isdecimal() and birth_time(int(maker))):
                shutil.rmtree(path, ignore_errors=True)
