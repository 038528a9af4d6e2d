"""The host inside ComfyUI: the same handlers as the standalone host's, reached through `mounting.py`."""

from __future__ import annotations

import re

import filelock
from aiohttp import web

from .. import log, settings
from ..generator.interface import ComfyUIAt
from ..library.shared import the_library
from .alone import taken
from .answers import finish
from .api import all_routes
from .endpoint import add_routes
from .guard import Guard
from .mounting import PREFIX, Surroundings
from .pages import DIST, UNBUILT
from .prompt_queue import PromptQueue
from .services import Services, make_services

_ABSOLUTE = re.compile(r'\b(href|src)="/(?!/)')
_POLICY = "frame-ancestors 'self'; object-src 'none'; base-uri 'none'"


class ComfyHost:
    """The API's router and what its handlers work with."""

    def __init__(self, services: Services, folder: str, lock: filelock.BaseFileLock) -> None:
        self.services = services
        self._lock = lock
        self._folder = folder
        self._guard = Guard()  # which names are ComfyUI's is for ComfyUI to say
        self._router = web.UrlDispatcher()
        table = web.RouteTableDef()
        for prefix in (PREFIX, f"/api{PREFIX}"):
            table.get(prefix, allow_head=True)(self._page)
            table.get(f"{prefix}/", allow_head=True)(self._page)
            add_routes(table, all_routes(), prefix, self._services, self._guard)
            table.route("*", prefix)(self._page)
        self._router.add_routes(table)

    async def start(self) -> None:
        """Begins, on ComfyUI's own loop; if that fails, nothing is left of it, and another can try."""
        self.services.hub.attach()
        writing = log.write_to(self.services.server_log)
        try:
            await self.services.start()
        except BaseException:
            await self.services.stop()
            log.stop_writing(writing)
            self._lock.release()
            raise

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Finds the handler and lets it answer."""
        found = await self._router.resolve(request)
        request.match_info.update(found)
        return await found.handler(request)

    async def _services(self, _request: web.Request) -> Services:
        return self.services

    async def _page(self, request: web.Request) -> web.StreamResponse:
        """The panel on a page of its own; ComfyUI serves its files."""
        if request.method not in ("GET", "HEAD"):
            return web.Response(status=405, headers={"Allow": "GET, HEAD"})
        text = await self.services.run(_index, self._folder)
        response = web.Response(text=text, content_type="text/html")
        finish(response, log.new_correlation_id(), {"Content-Security-Policy": _POLICY})
        return response


def make_host(around: Surroundings) -> ComfyHost:
    """Opens the library and puts everything together; nothing runs before `start`. Reads files.

    Raises SERVER_RUNNING if another host works on the library.
    """
    log.configure(settings.log_level())
    lock = taken(settings.volume_root())
    try:
        services = make_services(
            host="comfyui",
            on_network=around.on_network(),
            library=the_library(),
            make_queue=lambda jobs, changed: PromptQueue(jobs, around.address, changed=changed),
            comfyui=ComfyUIAt(address=around.address, inside=True),
        )
        return ComfyHost(services, around.folder, lock)
    except BaseException:
        lock.release()
        raise


def _index(folder: str) -> str:
    """The panel's page, whose files ComfyUI has elsewhere than the standalone host."""
    path = DIST / "index.html"
    if not path.is_file():
        return f'<!doctype html><meta charset="utf-8"><title>Isengard</title>{UNBUILT}'
    return _ABSOLUTE.sub(rf'\1="/extensions/{folder}/', path.read_text(encoding="utf-8"))
