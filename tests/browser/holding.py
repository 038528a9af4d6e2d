"""Answers of the server that come when a test says so: what a slow machine does by chance, done on purpose."""

from __future__ import annotations

import re
import time
from typing import Any

from isengard.tests.browser.panel import PATIENCE_MS


class Held:
    """Requests to addresses that fit a pattern wait until they are let go or refused."""

    def __init__(self, page: Any, address: str, method: str = "GET") -> None:
        self._page, self._pattern, self._method = page, re.compile(address), method
        self._routes: list[Any] = []
        page.route(self._pattern, self._hold)

    def _hold(self, route: Any) -> None:
        if route.request.method == self._method:
            self._routes.append(route)
        else:
            route.fallback()

    def wait(self, count: int = 1) -> None:
        """Until so many are held."""
        deadline = time.monotonic() + PATIENCE_MS / 1000
        while len(self._routes) < count:
            assert time.monotonic() < deadline, f"{len(self._routes)} requests came, {count} were waited for"
            self._page.evaluate("1")  # while Playwright waits for nothing it hears of no request
            time.sleep(0.05)

    def let_one_go(self) -> None:
        """The first that came; the others stay."""
        self._routes.pop(0).continue_()

    def let_go(self) -> None:
        """All of them, and those that come from now on."""
        for route in self._routes:
            route.continue_()
        self._page.unroute(self._pattern, self._hold)

    def refuse(self, message: str = "It broke.") -> None:
        """Answers all of them with a failure; those that come from now on reach the server."""
        error = {"code": "INTERNAL", "message": message, "hint": "", "correlation_id": "abcdefgh"}
        for route in self._routes:
            route.fulfill(status=500, json={"error": error})
        self._page.unroute(self._pattern, self._hold)
