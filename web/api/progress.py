"""A training as it goes on: its losses for a chart, its events live."""

from __future__ import annotations

from contextlib import aclosing
from typing import Annotated, Any

from aiohttp import web
from pydantic import Field

from ...errors import IsengardError
from ...library.losses import read_losses
from ..call import Call
from ..jobs_out import OF_JOB
from ..models import Out, Query
from ..routing import Routes
from ..sse import Stream, last_event_id

routes = Routes("training")


class StreamQuery(Query):
    """Where to go on."""

    after: Annotated[int, Field(ge=0, le=10**12)] = Field(default=0, description="Number of the last event seen.")


class LossQuery(Query):
    """How much of the losses."""

    points: Annotated[int, Field(ge=3, le=5000)] = 500
    after: Annotated[int, Field(ge=0, le=10**12)] = Field(default=0, description="Only what came after this event.")


class LossOut(Out):
    """A chart's data, column by column; the last value of each step, thinned out to the points that shape the line."""

    steps: list[int]
    loss: list[float]
    smoothed: list[float]
    learning_rate: list[float]
    seen: int = Field(description="Steps that have a loss, before thinning.")
    last_event: int = Field(description="Go on live from here: as Last-Event-ID of the stream, or as `after`.")


@routes.get("/training/{job}/loss", errors=OF_JOB)
async def loss(call: Call, job: str, query: LossQuery) -> LossOut:
    """Losses for a chart, thinned out to so many points."""
    folder = await call.run(call.services.jobs.folder, job)
    found = await call.run(read_losses, folder.events_file, most=query.points, after=query.after)
    columns: list[list[Any]] = [list(column) for column in zip(*found.points, strict=True)] or [[], [], [], []]
    return LossOut(
        steps=columns[0], loss=columns[1], smoothed=columns[2], learning_rate=columns[3],
        seen=found.steps_seen, last_event=found.last_event,
    )  # fmt: skip


@routes.get("/training/{job}/stream", media="text/event-stream", errors=OF_JOB)
async def stream(call: Call, job: str, query: StreamQuery) -> web.StreamResponse:
    """A job's events as server-sent events: all so far behind `after`, then as they come. Their ids are their numbers.

    Ends with `end` when the job is done, or when the server stops.
    """
    await call.run(call.services.jobs.folder, job)
    given = last_event_id(call, str(query.after))
    if not given.isdecimal() or len(given) > 12:
        raise IsengardError("REQUEST_INVALID", "Last-Event-ID must be the number of an event.")
    tails, answer = call.services.tails, Stream(call)
    with tails.listening(job) as tail:
        await answer.open()
        async with aclosing(tails.events(tail, int(given), answer.take)) as chunks:
            async for chunk in chunks:
                await (answer.beat() if chunk is None else answer.write(chunk))
    await answer.close("done" if tail.state == "done" else "the server stops")
    return answer.response
