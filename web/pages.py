"""The panel's files in the standalone host, the page that stands there until it is built, the way in with a token."""

from __future__ import annotations

import html
from pathlib import Path

from aiohttp import web

from .. import log, settings
from ..errors import IsengardError
from .answers import finish
from .downloads import TYPES
from .guard import COOKIE, Guard

DIST = settings.PACK / "web" / "dist"
_POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; style-src 'self' 'unsafe-inline'; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
)
_WEB_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
    ".map": "application/json",
    **TYPES,
}
_STYLE = "body{font:16px/1.5 system-ui,sans-serif;max-width:40em;margin:4em auto;padding:0 1em}"
UNBUILT = """<h1>Isengard</h1>
<p>It is running, but its page is missing: this folder comes from the sources, and the page is not built yet.</p>
<p>The package in the Comfy Registry has it built in: install “Isengard” from ComfyUI Manager's list. Or install
Node.js 20.19 or newer, and run this in the pack's folder:</p>
<pre>python install.py</pre>
<p>Then load this page again. Until then the <a href="/isengard/openapi.json">API</a> is here; docs/API.md shows how to
use it with curl.</p>"""
"""What stands in the place of the page until it is built."""


_LOCKED = "<p>Open the address with <code>?token=…</code> that the server printed.</p>"


def add_pages(table: web.RouteTableDef, guard: Guard) -> None:
    """`/`, `/isengard` and the panel's files beside it."""

    async def page(request: web.Request) -> web.StreamResponse:
        return _answer(request, guard, "index.html")

    async def file(request: web.Request) -> web.StreamResponse:
        return _answer(request, guard, request.match_info["file"])

    for path in ("/", "/isengard", "/isengard/"):
        table.get(path, allow_head=True)(page)
    table.get(r"/{file:[\w][\w./-]*\.(?:html|mjs|js|css|svg|png|webp|woff2|json|map)}", allow_head=True)(file)


def _answer(request: web.Request, guard: Guard, name: str) -> web.StreamResponse:
    correlation_id = log.new_correlation_id()
    response: web.StreamResponse
    try:
        guard.check_host(request)
        if guard.token and (given := request.query.get("token")) and guard.matches(given):
            response = _let_in(given)
        elif guard.token and not guard.knows(request):
            response = _page("A token is needed", _LOCKED, 401)
        else:
            response = _file(name)
    except IsengardError as error:
        response = _page(error.code, f"<p>{html.escape(error.message)} {html.escape(error.hint)}</p>", error.status)
    finish(response, correlation_id, {"Content-Security-Policy": _POLICY, "X-Frame-Options": "SAMEORIGIN"})
    return response


def _file(name: str) -> web.StreamResponse:
    path = DIST / name
    if not path.resolve().is_relative_to(DIST.resolve()) or ".." in Path(name).parts or not _is_file(path):
        if name == "index.html":
            return _page("Isengard", UNBUILT, 200)
        return _page("Nothing here", "<p>There is nothing at this address.</p>", 404)
    kind = _WEB_TYPES.get(path.suffix, "application/octet-stream")
    return web.FileResponse(path, headers={"Content-Type": kind, "Cache-Control": "no-cache"})


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long
        return False


def _let_in(token: str) -> web.StreamResponse:
    """Keeps the token in a cookie and takes it out of the address."""
    response = web.Response(status=303, headers={"Location": "/"})
    response.set_cookie(COOKIE, token, httponly=True, samesite="Strict", path="/", max_age=30 * 24 * 3600)
    return response


def _page(title: str, body: str, status: int) -> web.Response:
    head = f'<meta charset="utf-8"><title>{html.escape(title)}</title><style>{_STYLE}</style>'
    text = f'<!doctype html><html lang="en">{head}{body}'
    return web.Response(text=text, status=status, content_type="text/html")
