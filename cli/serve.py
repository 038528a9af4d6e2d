"""`python . serve`: the API, the job queue and the panel on a server of their own, for machines without ComfyUI."""

from __future__ import annotations

import argparse
import asyncio
import errno
import gc
import ipaddress
import secrets
import signal
import sys
import webbrowser
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from aiohttp import web

from .. import log, settings
from ..errors import IsengardError
from ..web.alone import taken
from ..web.app import make_app
from ..web.guard import LOOPBACK, Guard
from ..web.services import make_services

_SHORTEST_TOKEN = 16
_LONGEST_LINE = 65_536
"""Bytes of a request's first line, which holds the filters of a list, and of a header."""
_SWITCH_SECONDS = 0.001
"""A thread that works in Python lets the event loop in after so long; Python's own 5 ms add up with many requests."""
_PATIENCE_SECONDS = 5.0
"""How long requests that are under way may go on when the server stops."""


def main(argv: list[str]) -> int:
    """Returns 0 after an orderly end, 2 if the server could not begin. Raises SETTINGS_INVALID."""
    options = _parser().parse_args(argv)
    settings.mode()
    log.configure(options.log_level)
    sys.setswitchinterval(_SWITCH_SECONDS)
    try:
        asyncio.run(_serve(options))
    except KeyboardInterrupt:  # where signals can't be handled by the loop: Windows
        return 0
    except IsengardError as error:
        print(f"{error.code}: {error.message}\n  {error.hint}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python . serve", description=__doc__)
    parser.add_argument("--host", default=settings.server_host(), help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port", type=int, default=settings.server_port(), help="default: %(default)s; 0: any free one"
    )
    parser.add_argument("--root", type=Path, default=settings.volume_root(), help="the library (default: %(default)s)")
    parser.add_argument("--open", action="store_true", help="open the panel in a browser")
    parser.add_argument("--log-level", default=settings.log_level(), choices=log.LEVELS)
    return parser


def guard_for(host: str, token: str) -> Guard:
    """The rules for an address: on loopback names are checked, elsewhere a token is asked for. Raises TOKEN_NEEDED."""
    if _is_loopback(host):
        return Guard(hosts=LOOPBACK | {host.lower()}, token=token)
    if len(token) < _SHORTEST_TOKEN:
        what = f"has {len(token)} characters" if token else "is not set"
        raise IsengardError(
            "TOKEN_NEEDED",
            f"On {host} everybody in the network could see the photos, and ISENGARD_TOKEN {what}.",
            hint=f"Set ISENGARD_TOKEN to a secret, e.g. {secrets.token_urlsafe(18)}, or listen on 127.0.0.1.",
        )
    return Guard(token=token)


async def _serve(options: argparse.Namespace) -> None:
    if not 0 <= options.port <= 65535:
        raise IsengardError("USAGE", f"--port must be 0–65535, got {options.port}.")
    token = settings.server_token()
    guard = guard_for(options.host, token)
    root = options.root.expanduser().absolute()
    lock = taken(root)
    try:
        services = make_services(root, on_network=not _is_loopback(options.host), secrets=(token,) if token else ())
        handler = log.write_to(services.server_log)
        runner = web.AppRunner(
            make_app(services, guard),
            handle_signals=False,
            access_log=None,
            shutdown_timeout=_PATIENCE_SECONDS,
            max_line_size=_LONGEST_LINE,
            max_field_size=_LONGEST_LINE,
        )
        try:
            await runner.setup()
            await _listen(runner, options, token)
        finally:
            await runner.cleanup()
            log.stop_writing(handler)
    finally:
        lock.release()


async def _listen(runner: web.AppRunner, options: argparse.Namespace, token: str) -> None:
    site = web.TCPSite(runner, options.host, options.port)
    try:
        await site.start()
    except OSError as problem:
        if problem.errno == errno.EADDRINUSE:
            raise IsengardError("PORT_IN_USE", f"Port {options.port} on {options.host} is in use.") from problem
        raise IsengardError(
            "ADDRESS_UNUSABLE", f"{options.host} can't be listened on: {problem.strerror}."
        ) from problem
    stop = asyncio.Event()
    _heed_signals(stop)
    gc.collect()
    gc.freeze()  # modules and routes stay for good: looking through them again and again would hold up the loop
    address = _address(runner, options.host, token)
    print(f"Isengard is at {address}", flush=True)
    if options.open:
        await asyncio.to_thread(webbrowser.open, address)
    try:
        await stop.wait()
    finally:
        print("Stopping; a running training saves its step and can be resumed.", flush=True)


def _heed_signals(stop: asyncio.Event) -> None:
    """Ctrl+C, SIGTERM and a closed terminal end the server in order."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        with suppress(NotImplementedError, AttributeError):
            number = getattr(signal, name)
            if name == "SIGHUP" and signal.getsignal(number) == signal.SIG_IGN:
                continue  # `nohup python . serve`: it is to outlive its terminal
            asyncio.get_running_loop().add_signal_handler(number, stop.set)


def _address(runner: web.AppRunner, host: str, token: str) -> str:
    """Where a browser gets in; a secret may hold signs that mean something else in an address."""
    port = runner.addresses[0][1]
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}/" + (f"?token={quote(token, safe='')}" if token else "")


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
