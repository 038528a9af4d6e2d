"""One request in a handler's hands: the services, threads for file work, and what is added to the answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from aiohttp import web

from ..library.store import Library
from .answers import finish
from .routing import Route

if TYPE_CHECKING:
    from .services import Services

P = ParamSpec("P")
T = TypeVar("T")


@dataclass
class Call:
    """Made by the wrapper for each request."""

    request: web.Request
    route: Route
    services: Services
    correlation_id: str
    prefix: str
    """What stands before the route's path in this host: `/isengard` or `/api/isengard`."""
    headers: dict[str, str] = field(default_factory=dict)
    """Put onto the answer."""
    status: int = 0
    """Instead of the route's; one of its `also`."""
    begun: bool = False
    """The answer is on its way already: what fails now can only break it off."""

    @property
    def library(self) -> Library:
        """The library that is open."""
        return self.services.library

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs what reads or writes files in a thread, with this request's correlation id on its log lines."""
        return await self.services.run(function, *args, **kwargs)

    async def begin(self, response: web.StreamResponse) -> None:
        """Sends the headers of an answer whose body the handler writes itself."""
        finish(response, self.correlation_id, self.headers)
        self.begun = True
        await response.prepare(self.request)

    def created(self, path: str) -> None:
        """Says where what was made is found."""
        self.headers["Location"] = self.prefix + path

    def etag(self, etag: str) -> None:
        """Names the version that is answered."""
        self.headers["ETag"] = f'"{etag}"'

    def if_match(self) -> str:
        """The version that the client has changed, or nothing if it does not care."""
        given = self.request.headers.get("If-Match", "").strip()
        return "" if given == "*" else given.removeprefix("W/").strip('"')
