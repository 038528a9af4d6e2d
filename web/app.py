"""The standalone host: the API under /isengard and /api/isengard, the panel at /, on an application of our own."""

from __future__ import annotations

from aiohttp import web

from ..errors import IsengardError
from .api import all_routes
from .endpoint import add_routes, nothing_there
from .guard import Guard
from .pages import add_pages
from .services import Services

SERVICES = web.AppKey("services", Services)
PREFIX = "/isengard"


def make_app(services: Services, guard: Guard) -> web.Application:
    """The application; starts and stops the services with itself."""
    app = web.Application(client_max_size=0)
    app[SERVICES] = services
    app.on_startup.append(_start)
    app.on_shutdown.append(_stop_streams)
    app.on_cleanup.append(_stop)
    table = web.RouteTableDef()
    for prefix in (PREFIX, f"/api{PREFIX}"):
        add_routes(table, all_routes(), prefix, _services, guard)
    add_pages(table, guard)
    table.route("*", "/{tail:.*}")(nothing_there([], PREFIX, guard))
    app.add_routes(table)
    return app


async def _services(request: web.Request) -> Services:
    services = request.app[SERVICES]
    if services.hub.closed:
        raise IsengardError("SERVER_STOPPING", "The server is about to stop.")
    return services


async def _start(app: web.Application) -> None:
    services = app[SERVICES]
    services.hub.attach()
    await services.start()


async def _stop_streams(app: web.Application) -> None:
    app[SERVICES].close_streams()


async def _stop(app: web.Application) -> None:
    await app[SERVICES].stop()
