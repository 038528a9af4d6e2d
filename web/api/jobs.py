"""All jobs: listed and filtered, their logs and files, and a bundle to find out what went wrong."""

from __future__ import annotations

from datetime import datetime, timezone
from functools import partial
from typing import Annotated, Any, Literal
from urllib.parse import quote

from aiohttp import web
from pydantic import Field

from ...errors import IsengardError
from ...library import artifacts, joblogs
from ...library.debug_bundle import write_bundle
from ..call import Call
from ..downloads import file_answer, made_for_this
from ..jobs_out import OF_JOB, JobList, State
from ..models import Cursor, Limit, Out, Query
from ..paging import page
from ..routing import Routes

routes = Routes("jobs")
_MOMENT = Field(default="", max_length=40, description="ISO time; without a zone it is UTC.")


class JobsQuery(Query):
    """Which jobs. Everything that is given must hold."""

    state: list[State] = Field(default=[], max_length=8)
    character: str = Field(default="", max_length=150)
    q: str = Field(default="", max_length=200, description="Text in the job's name or id.")
    cursor: Cursor = ""
    limit: Limit = 50


class LogsQuery(Query):
    """Which lines. Everything that is given must hold."""

    level: Literal["debug", "info", "warning", "error"] = Field(default="debug", description="This one and worse.")
    q: str = Field(default="", max_length=200, description="Text in the line.")
    since: str = _MOMENT
    until: str = _MOMENT
    tail: Annotated[int, Field(ge=1, le=2000)] | None = Field(default=None, description="The last so many that fit.")
    cursor: Annotated[str, Field(max_length=60)] = ""
    limit: Annotated[int, Field(ge=1, le=2000)] = 200


class LogLine(Out):
    """One line."""

    time: str
    level: str
    message: str
    logger: str
    correlation_id: str
    fields: dict[str, Any]


class LogPage(Out):
    """Lines in the order in which they were written."""

    lines: list[LogLine]
    next: str = Field(description="Go on from here, also for what is still to be written.")
    more: bool


class ArtifactOut(Out):
    """One file."""

    name: str
    kind: Literal["lora", "checkpoint", "sample", "photo", "record"]
    bytes: int
    step: int | None
    index: int | None = Field(description="Of a sample: which prompt.")
    url: str


class ArtifactList(Out):
    """The files of a job."""

    artifacts: list[ArtifactOut]


class BundleQuery(Query):
    """What else goes in."""

    photos: bool = Field(default=False, description="Photos and sample pictures too.")


@routes.get("/jobs")
async def index(call: Call, query: JobsQuery) -> JobList:
    """All jobs, the latest first."""
    return await call.run(_found, call, query)


@routes.get("/jobs/{job}/logs/view", errors=OF_JOB)
async def logs(call: Call, job: str, query: LogsQuery) -> LogPage:
    """The job's log: filtered, from its end with `tail`, else onwards from `cursor`."""
    folder = await call.run(call.services.jobs.folder, job)
    wanted = joblogs.LogQuery(
        level=query.level, text=query.q, since=_moment(query.since), until=_moment(query.until),
        limit=query.tail or query.limit,
    )  # fmt: skip
    if query.tail is not None:
        found = await call.run(joblogs.tail, folder, wanted)
    else:
        found = await call.run(joblogs.read_on, folder, wanted, query.cursor)
    shown = call.services.redaction.values
    return LogPage(lines=[_line(shown(line)) for line in found.lines], next=found.cursor, more=found.more)


@routes.get("/jobs/{job}/artifacts", errors=OF_JOB)
async def files(call: Call, job: str) -> ArtifactList:
    """What the job has made: LoRA, checkpoints, samples; its photos and its records."""
    folder = await call.run(call.services.jobs.folder, job)
    found = await call.run(artifacts.list_all, folder)
    return ArtifactList(
        artifacts=[
            ArtifactOut(
                name=item.name, kind=item.kind, bytes=item.bytes, step=item.step, index=item.index,  # type: ignore[arg-type]
                url=f"{call.prefix}/jobs/{quote(job)}/artifacts/{quote(item.name)}",
            )
            for item in found
        ]
    )  # fmt: skip


@routes.get(
    "/jobs/{job}/artifacts/{file}",
    media="application/octet-stream",
    also=(206, 304),
    errors=(*OF_JOB, "ARTIFACT_MISSING"),
)
async def download(call: Call, job: str, file: str) -> web.FileResponse:
    """One of the files; parts of it with Range."""
    folder = await call.run(call.services.jobs.folder, job)
    found = await call.run(artifacts.find, folder, file)
    lasting = found.kind in ("sample", "photo")
    return file_answer(found.path, cache="private, max-age=31536000, immutable" if lasting else "private, no-store")


@routes.get("/jobs/{job}/debug-bundle", media="application/zip", errors=(*OF_JOB, "DISK_FULL", "FOLDER_NOT_WRITABLE"))
async def bundle(call: Call, job: str, query: BundleQuery) -> web.StreamResponse:
    """A zip for finding out what went wrong: settings, state, events, logs, versions, device, plan, and what it holds.

    No tokens, no environment, no user names; photos only if asked for.
    """
    folder = await call.run(call.services.jobs.folder, job)
    write = partial(
        write_bundle, folder, redaction=call.services.redaction, root=call.library.root, photos=query.photos
    )
    return await made_for_this(call, write, f"isengard-{job}.zip", "application/zip")


def _found(call: Call, query: JobsQuery) -> JobList:
    services = call.services
    jobs, broken = services.jobs.all()
    text = query.q.casefold()
    fitting = [
        job
        for job in jobs
        if (not query.state or job.state.state in query.state)
        and (not query.character or job.character == query.character)
        and (not text or text in job.id.casefold() or text in job.config.name.casefold())
    ]
    shown, cursor = page(fitting, lambda job: (job.state.created, job.id), query.cursor, query.limit)
    order, running = services.queue.order(), services.queue.running
    return JobList.of(shown, broken if not query.cursor else [], order, running, services.redaction, cursor)


def _line(entry: dict[str, Any]) -> LogLine:
    known = ("timestamp", "level", "message", "logger", "correlation_id")
    rest = {key: value for key, value in entry.items() if key not in known}
    return LogLine(
        time=str(entry.get("timestamp", "")),
        level=str(entry.get("level", "")),
        message=str(entry.get("message", "")),
        logger=str(entry.get("logger", "")),
        correlation_id=str(entry.get("correlation_id", "")),
        fields=rest,
    )


def _moment(text: str) -> str:
    """As the log writes it. Raises REQUEST_INVALID."""
    if not text:
        return ""
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=timezone.utc)
        return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    except (ValueError, OverflowError) as problem:
        raise IsengardError("REQUEST_INVALID", f"{text[:40]!r} is no ISO time.") from problem
