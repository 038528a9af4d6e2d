"""Who may ask: pages of our own only, on names that are ours, with the token where one is needed."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from urllib.parse import urlsplit

from aiohttp import web

from ..errors import IsengardError
from .routing import Route

COOKIE = "isengard_token"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_READING = ("GET", "HEAD")


@dataclass(frozen=True, kw_only=True)
class Guard:
    """The rules of one host."""

    hosts: frozenset[str] | None = None
    """Names under which this server may be asked; None leaves that to the host around us. Another name that leads here
    is how a foreign page gets at a server on loopback (DNS rebinding)."""
    token: str = ""
    """What must come with every request as cookie or bearer token; empty: nothing."""

    def check(self, request: web.Request, route: Route | None) -> None:
        """Raises HOST_UNKNOWN, ORIGIN_FOREIGN or TOKEN_MISSING."""
        self.check_host(request)
        check_origin(request)
        if self.token and not (route is not None and route.free) and not self.knows(request):
            raise IsengardError("TOKEN_MISSING", "This server listens on the network and wants its token.")

    def check_host(self, request: web.Request) -> None:
        """Raises HOST_UNKNOWN for a name that is not ours."""
        if self.hosts is None:
            return
        name = host_name(request.headers.get("Host", ""))
        if name not in self.hosts:
            raise IsengardError("HOST_UNKNOWN", f"This server does not answer to the name {name[:100]!r}.")

    def knows(self, request: web.Request) -> bool:
        """Whether the right token came along; compared in constant time."""
        scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
        given = bearer.strip() if scheme.lower() == "bearer" else request.cookies.get(COOKIE, "")
        return self.matches(given)

    def matches(self, given: str) -> bool:
        """Whether a token is the right one."""
        return hmac.compare_digest(given.encode("utf-8", "replace"), self.token.encode())


def check_origin(request: web.Request) -> None:
    """Raises ORIGIN_FOREIGN for what another page sends or embeds.

    A browser says where a request comes from: with Origin for everything but plain GETs, with Sec-Fetch-Site always.
    Programs say neither. `null` is what sandboxed frames and local files say.
    """
    origin = request.headers.get("Origin")
    if origin is not None:
        if _authority(origin) != request.headers.get("Host", "").lower():
            raise IsengardError("ORIGIN_FOREIGN", f"A page from {origin[:100]!r} may not use this server.")
        return
    site = request.headers.get("Sec-Fetch-Site", "none")
    opened = request.method in _READING and request.headers.get("Sec-Fetch-Mode") == "navigate"
    if site not in ("same-origin", "none") and not opened:
        raise IsengardError("ORIGIN_FOREIGN", "A page of another site may not use this server.")


def host_name(host: str) -> str:
    """The name in a Host header, without port and brackets, in lower case."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.rpartition(":")[0].lower() if ":" in host else host.lower()


def _authority(origin: str) -> str:
    try:
        parts = urlsplit(origin)
        return parts.netloc.lower() if parts.scheme in ("http", "https") else "?"
    except ValueError:
        return "?"
