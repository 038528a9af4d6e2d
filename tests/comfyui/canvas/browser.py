"""A Chromium with ComfyUI's own page in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_READY = "() => window.app?.graph && window.app?.extensionManager"
_QUIET = {"Comfy.TutorialCompleted": True}
_WARNING = "Comfy.Workflow.ShowMissingModelsWarning"
"""Settings for a canvas with nothing over it: no first-time page, no question about files."""


def chromium() -> str | None:
    """Where it is."""
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


@contextmanager
def opened(port: int, *, width: int = 1600, height: int = 1000) -> Iterator[Any]:
    """ComfyUI's page, with nothing over the canvas."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        page = browser.new_page(viewport={"width": width, "height": height})
        ready(page, port)
        yield page
        browser.close()


def ready(page: Any, port: int, *, quiet: bool = True) -> None:
    """Opens ComfyUI and waits until its canvas is ready and what it asks the server for at the start is there."""
    here = f"http://127.0.0.1:{port}"
    page.request.post(f"{here}/api/settings", data={**_QUIET, _WARNING: not quiet})
    page.goto(f"{here}/", timeout=180_000)
    page.wait_for_function(_READY, timeout=180_000)
    page.wait_for_load_state("networkidle", timeout=180_000)
