"""How jobs look in answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field, ValidationError

from ..errors import IsengardError
from ..library.jobs import Job
from ..library.redaction import Redaction
from ..trainer.job import RESUMABLE
from .models import Out, Problem, SaidOut, problem_values

OF_JOB = ("JOB_MISSING", "NAME_INVALID", "JOB_CORRUPT", "CONFIG_UNREADABLE")
"""What every address of a job may answer."""
State = Literal["queued", "preparing", "training", "done", "failed", "paused", "cancelled", "interrupted"]


class Failure(Problem):
    """What made a job fail."""

    details: dict[str, Any] | None = None


class JobOut(Out):
    """A job."""

    id: str
    name: str = Field(description="The character's name when the job was made.")
    character: str = Field(description="Id of the character; empty for a job from elsewhere.")
    trigger_word: str
    family: str
    preset: str
    state: State
    step: int
    steps: int
    reason: str
    said: SaidOut | None = Field(description="The reason, with its code.")
    error: Failure | None
    photos: int
    attempt: int = Field(description="How often a process has begun on it.")
    created: str
    updated: str
    correlation_id: str
    position: int | None = Field(description="Place in the queue from 0; null if it does not wait.")
    can_resume: bool
    lora: str = Field(description="Id of the LoRA that came of it.")
    warnings: list[SaidOut]
    settings: dict[str, Any]


class BrokenJob(Problem):
    """A job folder that can't be read."""

    id: str


class JobList(Out):
    """Jobs, and the cursor of the next page; empty on the last."""

    jobs: list[JobOut]
    broken: list[BrokenJob]
    running: str
    order: list[str]
    next: str = ""

    @classmethod
    def of(
        cls,
        jobs: Sequence[Job],
        broken: Sequence[tuple[str, IsengardError]],
        order: list[str],
        running: str,
        redaction: Redaction,
        cursor: str = "",
    ) -> JobList:
        """From the library's. One that can't be shown is broken, and the others are listed."""
        shown, unfit = [], list(broken)
        for job in jobs:
            try:
                shown.append(job_out(job, order, redaction))
            except IsengardError as problem:
                unfit.append((job.id, problem))
        return cls(
            jobs=shown,
            broken=[BrokenJob(id=job_id, **problem_values(problem, redaction)) for job_id, problem in unfit],
            running=running,
            order=order,
            next=cursor,
        )


class KeptLora(Out):
    """A LoRA that a checkpoint became; GET /loras tells more."""

    id: str
    character: str
    step: int
    file: str


def job_out(job: Job, order: Sequence[str], redaction: Redaction) -> JobOut:
    """A job for an answer: paths outside the library are taken out. Raises JOB_CORRUPT for one whose files say what no
    program of ours has written."""
    try:
        return _job_out(job, order, redaction)
    except ValidationError as problem:
        places = ", ".join(dict.fromkeys(str(item["loc"][0]) for item in problem.errors() if item["loc"]))
        raise IsengardError("JOB_CORRUPT", f"The files of {job.id} hold no {places} that can be used.") from problem


def _job_out(job: Job, order: Sequence[str], redaction: Redaction) -> JobOut:
    state = job.state
    return JobOut(
        id=job.id,
        name=job.config.name,
        character=job.character,
        trigger_word=job.config.trigger_word,
        family=job.config.family,
        preset=job.config.preset,
        state=state.state,  # type: ignore[arg-type]
        step=state.step,
        steps=state.steps,
        reason=redaction.text(state.reason),
        said=redaction.values(state.said),
        error=failure(state.error, redaction) if state.error else None,
        photos=job.photos,
        attempt=state.attempt,
        created=state.created,
        updated=state.updated,
        correlation_id=state.correlation_id,
        position=order.index(job.id) if job.id in order else None,
        can_resume=state.state in RESUMABLE,
        lora=job.lora,
        warnings=[SaidOut.of(text, redaction) for text in job.warnings],
        settings=redaction.values(job.config.as_dict()),
    )


def failure(error: dict[str, Any], redaction: Redaction) -> Failure:
    """What a job or a run ended of, from what the error told."""
    return Failure(**problem_values(error, redaction), details=redaction.values(error.get("details")))
