"""Measures, beside the requests, how like the person the samples of a training are that somebody looks at."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ..library.jobs import Jobs
from ..library.likeness import measuring
from ..library.store import Library
from .beside import Beside
from .hub import Hub


def rating(library: Library, jobs: Jobs, hub: Hub, run: Callable[..., Awaitable[None]]) -> Beside:
    """A part of the services; `look` at a job's id. Open pages are told when a job has new figures."""

    def rate(job_id: str, _ending: Callable[[], bool]) -> None:
        if measuring.measure(library.models, jobs.folder(job_id)):
            hub.tell("likeness", {"job": job_id})

    return Beside("measuring likeness", run, rate)
