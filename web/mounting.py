"""Puts the API and the panel's page on ComfyUI's routes. Cheap: all else is imported when the first request comes.

ComfyUI takes two routes for everything under `/isengard` (and makes `/api/isengard` of them) and one for the help pages
of our nodes; which of our handlers answers is found by a router of our own. No middleware, nothing private.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from .. import settings
from ..errors import IsengardError

if TYPE_CHECKING:
    from .comfyui import ComfyHost

PREFIX = "/isengard"
_HELP = settings.PACK / "nodes" / "help"
_LOG = logging.getLogger("isengard.web.mounting")


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What the routes need to know of the ComfyUI around them."""

    address: Callable[[], str]
    """Where it answers requests from this machine; known once it listens."""
    on_network: Callable[[], bool]
    """Whether others than this machine's users may ask."""
    folder: str
    """Under which name it serves WEB_DIRECTORY: `/extensions/<folder>`."""


def mount(routes: web.RouteTableDef, around: Surroundings, problem: IsengardError | None = None) -> None:
    """Adds our routes; with a problem they all tell of it."""
    door = _Door(around, problem)
    for path in (PREFIX, PREFIX + "/{tail:.*}"):
        routes.route("*", path)(door.answer)
    routes.get(f"/extensions/{around.folder}/docs/{{page:.+}}")(_help)


class _Door:
    """Answers every request, with services that are made for the first one."""

    def __init__(self, around: Surroundings, problem: IsengardError | None) -> None:
        self._around, self._problem = around, problem
        self._host: ComfyHost | None = None
        self._turn = asyncio.Lock()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Hands the request to the handler that its address names."""
        if self._problem is not None:
            return _told(self._problem)
        try:
            host = self._host or await self._open()
        except IsengardError as problem:
            return _told(problem)
        except Exception as problem:  # noqa: BLE001 (ComfyUI and its log outlive whatever is wrong with us)
            _LOG.exception("Isengard could not begin")
            return _told(IsengardError("INTERNAL", f"Isengard could not begin: {type(problem).__name__}: {problem}."))
        return await host.answer(request)

    async def _open(self) -> ComfyHost:
        async with self._turn:
            if self._host is None:
                host = await asyncio.to_thread(_build, self._around)
                await host.start()
                self._host = host
            return self._host


def _build(around: Surroundings) -> ComfyHost:
    from .comfyui import make_host

    return make_host(around)


async def _help(request: web.Request) -> web.StreamResponse:
    """A help page: `IsengardPrepare.md`, or `IsengardPrepare/de.md`."""
    text = await asyncio.to_thread(_help_page, request.match_info["page"])
    if text is None:
        return web.Response(status=404, text="There is no such page.")
    return web.Response(text=text, content_type="text/markdown", headers={"X-Content-Type-Options": "nosniff"})


def _help_page(name: str) -> str | None:
    """Its text; None if there is no such page."""
    page = _HELP / name
    try:
        inside = page.suffix == ".md" and page.resolve().is_relative_to(_HELP.resolve())
        return page.read_text(encoding="utf-8") if inside else None
    except (OSError, ValueError):  # not there, or what no name may hold
        return None


def _told(problem: IsengardError) -> web.Response:
    """The error body that the panel knows."""
    body = {"error": {"code": problem.code, "message": problem.message, "hint": problem.hint, "correlation_id": ""}}
    return web.Response(
        text=json.dumps(body, ensure_ascii=False), status=max(500, problem.status), content_type="application/json",
        headers={"X-Content-Type-Options": "nosniff", "Cache-Control": "private, no-store"},
    )  # fmt: skip
