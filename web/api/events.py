"""One live stream for everything that a page shows: browsers allow six connections to a server."""

from __future__ import annotations

from contextlib import aclosing

from aiohttp import web
from pydantic import Field

from ..call import Call
from ..models import Query
from ..routing import Routes
from ..sse import Stream, last_event_id

routes = Routes("events")


class EventsQuery(Query):
    """Where to go on."""

    after: str = Field(default="", max_length=60, description="An event's id, for clients that can't send headers.")


@routes.get("/events", media="text/event-stream")
async def events(call: Call, query: EventsQuery) -> web.StreamResponse:
    """Server-sent events: `job`, `library`, `queue`, `generation`, …; `reset`: load again what you show.

    Each has an id; with Last-Event-ID nothing is missed. Ends with `end` when the server stops.
    """
    hub, stream = call.services.hub, Stream(call)
    after, missed = hub.place(last_event_id(call, query.after))
    await stream.open()
    await stream.write(hub.reset() if missed else hub.greeting())
    async with aclosing(hub.listen(after, stream.take)) as chunks:
        async for chunk in chunks:
            await (stream.beat() if chunk is None else stream.write(chunk))
    await stream.close("the server stops")
    return stream.response
