"""The panel inside a real ComfyUI: its sidebar tab, and the page of its own. Skipped where there is no ComfyUI."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from isengard.tests.comfyui.host import ComfyUI
from isengard.tests.comfyui.running import Running

pytestmark = [pytest.mark.browser, pytest.mark.comfyui, pytest.mark.slow]


@pytest.fixture(scope="module")
def host(comfyui: ComfyUI, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A ComfyUI with the pack."""
    running = Running(comfyui, tmp_path_factory.mktemp("comfyui"))
    try:
        yield running.start()
    finally:
        running.kill()
        shutil.rmtree(running.base, ignore_errors=True)


def test_the_sidebar_tab_opens_the_panel(browser: Any, host: Running) -> None:
    """The panel is loaded when the tab is first opened, in ComfyUI's colours, and leaves its address alone."""
    page = browser.new_context(viewport={"width": 1300, "height": 860}, locale="en-GB").new_page()
    errors: list[str] = []
    asked: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.set_default_timeout(45_000)
    page.goto(f"http://127.0.0.1:{host.port}/")
    tab = page.locator(".isengard-tab-button, [aria-label*=Isengard]").first
    tab.wait_for()
    page.wait_for_timeout(3000)
    page.keyboard.press("Escape")  # ComfyUI greets newcomers with its templates
    page.locator(".p-dialog-mask").wait_for(state="hidden")
    assert not [url for url in asked if url.endswith("/panel.mjs")]
    before = page.evaluate("location.hash")
    tab.click()
    page.get_by_text("Make a character from photos.").wait_for()
    assert [url for url in asked if url.endswith("/panel.mjs")]
    page.get_by_role("button", name="Create your first character").click()
    page.get_by_label("Name").fill("Ada")
    page.get_by_role("button", name="Create", exact=True).click()
    page.get_by_text("Drop photos or a folder here").wait_for()
    assert page.evaluate("location.hash") == before
    width = page.evaluate("document.querySelector('.isg').clientWidth")
    assert page.evaluate(
        "document.querySelector('.isg-main').scrollWidth <= document.querySelector('.isg-main').clientWidth"
    ), width
    assert [error for error in errors if "isengard" in error.lower()] == []


def test_the_page_of_its_own_opens_beside_comfyui(browser: Any, host: Running) -> None:
    """`/isengard` shows the same library."""
    page = browser.new_context(viewport={"width": 1300, "height": 860}, locale="en-GB").new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.set_default_timeout(60_000)
    host.ours.post("/characters", {"name": "Bo"})
    page.goto(f"http://127.0.0.1:{host.port}/isengard")
    page.get_by_role("link", name="Bo").first.click()
    page.get_by_text("Drop photos or a folder here").wait_for()
    assert complaints == []
