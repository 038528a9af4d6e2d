"""Routes as data: what a handler takes and answers is read from its signature, for the wrapper and for OpenAPI.

```
routes = Routes("characters")

@routes.post("/characters", status=201, errors=("CHARACTER_INVALID",))
async def create(call: Call, body: NewCharacter) -> CharacterOut:
    '''Makes a character.'''
```
Arguments named as in the path are its parts; `body` and `query` are models. A model is answered as JSON,
`Encoded[Model]` and a response as they are.
"""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from .answers import Encoded

Handler = Callable[..., Awaitable[Any]]
JSON_LIMIT = 1_000_000
"""Bytes of a JSON body."""
_PARAMETER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, kw_only=True)
class Route:
    """One method of one path."""

    method: str
    path: str
    """Behind the prefix: `/characters/{character}`."""
    handler: Handler
    tag: str
    """The resource it belongs to."""
    parameters: tuple[str, ...]
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    answer: type[BaseModel] | None = None
    """None: a body of the kind `media`."""
    status: int = 200
    also: tuple[int, ...] = ()
    """Further statuses of success, e.g. 200 beside 201, or 206 for a part of a file."""
    media: str = "application/json"
    errors: tuple[str, ...] = ()
    """Codes that this route may answer, beside those that any may."""
    limit: int = JSON_LIMIT
    """Most bytes of the body; of an upload, what the handler reads itself."""
    upload: str = ""
    """Content type of a body that the handler reads as a stream, e.g. `multipart/form-data`."""
    etag: bool = False
    """Answers an ETag, unless it takes away; with PATCH, PUT and DELETE it heeds If-Match."""
    free: bool = False
    """Answered without a token, where one is needed."""

    @property
    def summary(self) -> str:
        """First line of the handler's docstring."""
        return (inspect.getdoc(self.handler) or "").partition("\n")[0]

    @property
    def description(self) -> str:
        """What follows it."""
        return (inspect.getdoc(self.handler) or "").partition("\n")[2].strip()


class Routes:
    """The routes of one resource, in the order of their definition."""

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.all: list[Route] = []

    def get(self, path: str, **options: Any) -> Callable[[Handler], Handler]:
        """Reads; changes nothing."""
        return self._add("GET", path, options)

    def post(self, path: str, **options: Any) -> Callable[[Handler], Handler]:
        """Makes something or sets something going."""
        return self._add("POST", path, options)

    def patch(self, path: str, **options: Any) -> Callable[[Handler], Handler]:
        """Changes parts."""
        return self._add("PATCH", path, options)

    def delete(self, path: str, **options: Any) -> Callable[[Handler], Handler]:
        """Takes away."""
        return self._add("DELETE", path, options)

    def _add(self, method: str, path: str, options: dict[str, Any]) -> Callable[[Handler], Handler]:
        def register(handler: Handler) -> Handler:
            hints = typing.get_type_hints(handler)
            returned = hints.pop("return", None)
            if typing.get_origin(returned) is Encoded:
                (returned,) = typing.get_args(returned)
            self.all.append(
                Route(
                    method=method,
                    path=path,
                    handler=handler,
                    tag=self.tag,
                    parameters=tuple(_PARAMETER.findall(path)),
                    body=hints.get("body"),
                    query=hints.get("query"),
                    answer=returned if isinstance(returned, type) and issubclass(returned, BaseModel) else None,
                    **options,
                )
            )
            return handler

        return register
