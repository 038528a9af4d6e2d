"""Reads bodies and queries into models, within limits; what does not fit is told with the field's name."""

from __future__ import annotations

import asyncio
import re
import typing
from collections.abc import Awaitable
from typing import Any, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from ..errors import IsengardError

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")
PATIENCE = 60.0
"""Seconds for a whole JSON body, and for the next piece of an upload: nobody may hold a place by sending nothing."""
_WHOLE = re.compile(r"-?(0|[1-9]\d{0,17})")
_NUMBER = re.compile(r"-?\d{1,17}(\.\d{1,17})?([eE][+-]?\d{1,3})?")
_PROBLEMS_SHOWN = 5


async def read_limited(request: web.Request, limit: int) -> bytes:
    """The body, at most so many bytes. Raises REQUEST_TOO_LARGE before more is taken in, REQUEST_SLOW."""
    if (request.content_length or 0) > limit:
        raise too_large(limit)

    async def read() -> bytes:
        data = bytearray()
        async for chunk in request.content.iter_any():
            data += chunk
            if len(data) > limit:
                raise too_large(limit)
        return bytes(data)

    return await in_time(read())


async def in_time(piece: Awaitable[T]) -> T:
    """What is awaited, if it comes soon enough. Raises REQUEST_SLOW."""
    try:
        return await asyncio.wait_for(piece, PATIENCE)
    except asyncio.TimeoutError as problem:
        raise IsengardError(
            "REQUEST_SLOW", f"The request's body did not come within {PATIENCE:.0f} seconds."
        ) from problem


def too_large(limit: int) -> IsengardError:
    """The error for a body of more than `limit` bytes."""
    return IsengardError("REQUEST_TOO_LARGE", f"The request's body is larger than {limit:,} bytes.")


def check_content_type(request: web.Request, wanted: str) -> None:
    """Raises CONTENT_TYPE_WRONG: a form that another page sends without asking has another type."""
    given = request.content_type if "Content-Type" in request.headers else "none"
    if given.lower() != wanted:
        raise IsengardError(
            "CONTENT_TYPE_WRONG", f"The body's type must be {wanted}, got {given[:100]!r}.", wanted=wanted
        )


async def read_body(request: web.Request, model: type[M], limit: int) -> M:
    """The JSON body as a model. Raises CONTENT_TYPE_WRONG, REQUEST_TOO_LARGE, REQUEST_UNREADABLE or REQUEST_INVALID."""
    check_content_type(request, "application/json")
    data = await read_limited(request, limit)
    try:
        return model.model_validate_json(data)
    except ValidationError as problem:
        raise invalid(problem, "body") from problem


def read_query(request: web.Request, model: type[M]) -> M:
    """The query as a model. Raises REQUEST_INVALID."""
    values: dict[str, Any] = {}
    for name in dict.fromkeys(request.query):
        given = request.query.getall(name)
        kinds = _kinds(model.model_fields[name].annotation) if name in model.model_fields else {str}
        if list in kinds:
            values[name] = [_read(text, kinds) for text in given]
        elif len(given) > 1:
            raise IsengardError("REQUEST_INVALID", f"query: {name[:60]!r} is given {len(given)} times.")
        else:
            values[name] = _read(given[0], kinds)
    try:
        return model.model_validate(values)
    except ValidationError as problem:
        raise invalid(problem, "query") from problem


def check_no_query(request: web.Request) -> None:
    """Raises REQUEST_INVALID for a query where none is known: a mistyped filter must not go unnoticed."""
    if request.query:
        names = ", ".join(repr(name[:60]) for name in list(request.query)[:_PROBLEMS_SHOWN])
        raise IsengardError("REQUEST_INVALID", f"query: {names} is not known here.")


def invalid(problem: ValidationError, where: str) -> IsengardError:
    """What pydantic found, as an error of ours; JSON that can't be parsed is REQUEST_UNREADABLE."""
    found = problem.errors(include_url=False, include_context=False, include_input=False)
    if found and found[0]["type"] == "json_invalid":
        return IsengardError("REQUEST_UNREADABLE", f"The body is no JSON: {found[0]['msg']}.")
    problems = [f"{'.'.join(map(str, item['loc'])) or where}: {item['msg']}." for item in found]
    more = f" And {len(problems) - _PROBLEMS_SHOWN} more." if len(problems) > _PROBLEMS_SHOWN else ""
    return IsengardError("REQUEST_INVALID", " ".join(problems[:_PROBLEMS_SHOWN]) + more, problems=problems[:50])


def _kinds(annotation: Any) -> set[Any]:
    """The plain types in an annotation."""
    origin = typing.get_origin(annotation)
    if origin is typing.Literal:
        return {type(value) for value in typing.get_args(annotation)}
    inner = typing.get_args(annotation)
    found = {origin} if origin in (list, tuple) else {annotation} if not inner else set()
    return found.union(*(_kinds(part) for part in inner)) if inner else found


def _read(text: str, kinds: set[Any]) -> Any:
    if bool in kinds and text in ("true", "false"):
        return text == "true"
    if int in kinds and _WHOLE.fullmatch(text):
        return int(text)
    if float in kinds and _NUMBER.fullmatch(text):
        return float(text)
    return text
