"""What stands around every handler: correlation id, guard, parsing, errors, headers and one log line."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import structlog
from aiohttp import web
from pydantic import BaseModel

from .. import log
from ..errors import IsengardError
from ..library.redaction import Redaction
from .answers import Encoded, encoded_answer, error_answer, finish, json_answer
from .call import Call
from .guard import Guard
from .parsing import check_no_query, read_body, read_query
from .routing import Route
from .services import Services

Provider = Callable[[web.Request], Awaitable[Services]]
"""Gives the services to a request: made at once by the standalone host, on first use in ComfyUI."""
HttpHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")
_LOG = log.get("web")
_CLIENT_GONE = 499
_UNKNOWN = Redaction(Path("/nowhere"))


def add_routes(
    table: web.RouteTableDef, routes: Iterable[Route], prefix: str, provider: Provider, guard: Guard
) -> None:
    """Puts all routes into a table under a prefix, and one behind them that answers what is no route."""
    known = list(routes)
    for route in known:
        path = prefix + route.path
        if route.method == "GET":
            table.get(path, allow_head=False)(endpoint(route, prefix, provider, guard))
        else:
            table.route(route.method, path)(endpoint(route, prefix, provider, guard))
    table.route("*", f"{prefix}/{{tail:.*}}")(nothing_there(known, prefix, guard))


def endpoint(route: Route, prefix: str, provider: Provider, guard: Guard) -> HttpHandler:
    """A handler of ours as aiohttp wants it."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return await _guarded(request, route, guard, lambda correlation_id: _call(request, correlation_id))

    async def _call(request: web.Request, correlation_id: str) -> tuple[web.StreamResponse, Redaction, dict[str, str]]:
        services = await provider(request)
        before = "/api" + prefix if request.path.startswith(f"/api{prefix}/") else prefix
        call = Call(request, route, services, correlation_id, before)
        try:
            result = await route.handler(call, **await _arguments(request, route))
            return _response(result, call), services.redaction, call.headers
        except Exception as problem:
            if call.begun and not isinstance(problem, ConnectionResetError):
                raise _broken_off(request, problem) from problem
            if not isinstance(problem, IsengardError):
                raise
            error = problem
            if error.status >= 500:
                _LOG.warning("a request failed", route=route.path, code=error.code, problem=error.message)
            return error_answer(error, correlation_id, services.redaction), services.redaction, {}

    return answer


def nothing_there(routes: list[Route], prefix: str, guard: Guard) -> HttpHandler:
    """Answers 404, or 405 where the path is known and the method is not."""
    patterns = [(re.compile("[^/]+".join(map(re.escape, re.split(r"\{\w+\}", route.path)))), route) for route in routes]

    async def answer(request: web.Request) -> web.StreamResponse:
        return await _guarded(request, None, guard, lambda _: _refuse(request))

    async def _refuse(request: web.Request) -> Any:
        path = request.rel_url.raw_path.partition(prefix)[2]
        fitting = [route for pattern, route in patterns if pattern.fullmatch(path)]
        plain = [route for route in fitting if route.path == path]  # `/training/order` is no job
        allowed = sorted({route.method for route in plain or fitting})
        if not allowed:
            raise IsengardError("ROUTE_MISSING", "There is nothing at this address.")
        error = IsengardError("METHOD_WRONG", f"This address answers {', '.join(allowed)}, not {request.method[:20]}.")
        error.headers = {"Allow": ", ".join(allowed)}  # type: ignore[attr-defined]
        raise error

    return answer


async def _guarded(
    request: web.Request, route: Route | None, guard: Guard, inner: Callable[[str], Awaitable[Any]]
) -> web.StreamResponse:
    """Whatever happens inside becomes an answer of ours."""
    given = request.headers.get("X-Correlation-ID", "")
    correlation_id = given if _ID.fullmatch(given) else log.new_correlation_id()
    started = time.perf_counter()
    response: web.StreamResponse
    extra: dict[str, str] = {}
    with structlog.contextvars.bound_contextvars(correlation_id=correlation_id):
        try:
            guard.check(request, route)
            response, _, extra = await inner(correlation_id)
        except IsengardError as error:
            response = error_answer(error, correlation_id, _UNKNOWN)
        except asyncio.CancelledError:
            raise
        except ConnectionResetError:  # the client went away; nobody reads this
            return web.Response(status=_CLIENT_GONE)
        except web.HTTPException as problem:
            nothing = IsengardError("ROUTE_MISSING", "There is nothing at this address.")
            response = problem if problem.status < 400 else error_answer(nothing, correlation_id, _UNKNOWN)
        except Exception:  # noqa: BLE001 (whatever it is, the client gets our body and the log the trace)
            _LOG.exception("unforeseen failure", path=request.path)
            unforeseen = IsengardError("INTERNAL", "Something unforeseen happened; the server's log says what.")
            response = error_answer(unforeseen, correlation_id, _UNKNOWN)
        finish(response, correlation_id, extra)
        _LOG.debug(
            "request",
            method=request.method,
            route=route.path if route else "",
            status=response.status,
            milliseconds=round((time.perf_counter() - started) * 1000, 1),
        )
    return response


def _broken_off(request: web.Request, problem: Exception) -> ConnectionResetError:
    """A second answer behind a part of the first would be taken for its rest: the connection is closed instead."""
    _LOG.error("an answer was broken off", path=request.path, exc_info=problem)
    if request.transport is not None:
        request.transport.abort()
    return ConnectionResetError("broken off")


async def _arguments(request: web.Request, route: Route) -> dict[str, Any]:
    arguments: dict[str, Any] = {name: request.match_info[name] for name in route.parameters}
    if route.query is not None:
        arguments["query"] = read_query(request, route.query)
    else:
        check_no_query(request)
    if route.body is not None:
        arguments["body"] = await read_body(request, route.body, route.limit)
    return arguments


def _response(result: Any, call: Call) -> web.StreamResponse:
    if isinstance(result, BaseModel):
        return json_answer(result, call.status or call.route.status)
    if isinstance(result, Encoded):
        return encoded_answer(result, call.status or call.route.status)
    assert isinstance(result, web.StreamResponse), result
    return result
