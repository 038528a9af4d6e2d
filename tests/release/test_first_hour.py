"""The first hour of somebody who has ComfyUI: the published archive in one that has seen no other, and the whole way in
the browser, from the sidebar's tab to a picture of the trained sample character and onto the canvas."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image, ImageChops

from isengard.tests.browser.conftest import browser
from isengard.tests.browser.panel import PATIENCE_MS
from isengard.tests.browser.test_in_comfyui import Sidebar
from isengard.tests.comfyui.host import ComfyUI
from isengard.tests.comfyui.running import Running
from isengard.tests.release.conftest import unpack

__all__ = ["browser"]
pytestmark = [pytest.mark.comfyui, pytest.mark.slow]
_VALUES = """() => app.graph._nodes.find(node => node.type === 'IsengardMini').widgets
    .filter(one => !one.name.startsWith('$$')).map(one => one.value)"""
_REOPENED = f"""async () => {{
    const before = ({_VALUES})()
    await app.loadGraphData(JSON.parse(JSON.stringify(app.graph.serialize())))
    return before
}}"""


@pytest.fixture(scope="module")
def host(archive: Any, comfyui: ComfyUI, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A base folder with nothing but the unpacked archive in custom_nodes, under the name that the registry gives, and
    install.py run, as ComfyUI Manager does."""
    base = tmp_path_factory.mktemp("fresh") / "base"
    pack = unpack(archive, base / "custom_nodes" / "isengard")
    installed = subprocess.run(
        [str(comfyui.python), "-s", "install.py"],
        cwd=pack, capture_output=True, encoding="utf-8", timeout=900, check=False,
    )  # fmt: skip
    assert (installed.returncode, "ready. Start ComfyUI again" in installed.stdout) == (0, True), installed.stdout
    running = Running(comfyui, base, {"ISENGARD_MODE": "production"}, warm=False)
    try:
        yield running.start()
    finally:
        running.kill()
        shutil.rmtree(base, ignore_errors=True)


def test_comfyui_takes_it_in(host: Running) -> None:
    """Its nodes, one script, the page of its own; ComfyUI's log says nothing that would frighten anybody."""
    scripts = host.theirs.get("/extensions")
    assert [script for script in scripts if "isengard" in script] == ["/extensions/isengard/extension.js"]
    assert "IsengardTrainLoRA" in host.theirs.get("/object_info")
    assert b"/extensions/isengard/page.mjs" in host.theirs.ask("GET", "/isengard").body
    assert host.ours.get("/health")["status"] == "ok"
    assert frightening(host.log) == []


@pytest.mark.browser
def test_from_the_sidebar_to_a_picture_and_onto_the_canvas(host: Running, browser: Any) -> None:
    """README's five steps with the sample; the picture's workflow gives the same picture when Run is pressed."""
    panel = Sidebar(browser.new_context(viewport={"width": 1300, "height": 860}, locale="en-GB").new_page(), host.port)
    page = panel.page
    panel.enter()
    panel.opened()
    panel.button("Try it with a sample").click()
    page.locator(".isg-preset").first.wait_for()
    panel.step("Report")
    panel.button("On to training").click()
    page.get_by_text("This character is trained on the small embedded model").wait_for()
    panel.set_up_small_training()
    panel.button("Start training").click()
    page.locator(".isg-monitor").wait_for(timeout=PATIENCE_MS)
    panel.button("Compare checkpoints").click(timeout=PATIENCE_MS)
    panel.button("Use this one").click()
    page.get_by_text(re.compile("The checkpoint of step .* is in use")).wait_for()
    panel.button("Make pictures with it").click()
    page.locator("textarea[name=prompt]").fill("smiling, grey background")
    page.locator("summary", has_text="Advanced").click()
    page.locator("input[name=steps]").fill("2")
    page.locator("input[name=count]").fill("1")
    panel.button("Generate").click()
    panel.wait_tiles(1, ".isg-gallery")
    page.locator(".isg-gallery .isg-tile").click()
    page.get_by_role("dialog").get_by_role("button", name="Open as workflow").click()
    page.get_by_text("The workflow stands on the canvas.").wait_for()
    page.get_by_test_id("queue-button").get_by_role("button", name="Run").click()
    again = host.until(lambda: shown_on_canvas(host), "Run made no picture")
    made = host.ours.get("/gallery")["pictures"][0]["id"]
    assert ImageChops.difference(again, picture(host.ours.ask("GET", f"/gallery/{made}").body)).getbbox() is None
    assert page.evaluate(_REOPENED) == page.evaluate(_VALUES), "a saved workflow keeps its values"
    panel.check_inside()
    assert panel.complaints == []
    assert frightening(host.log) == []


def shown_on_canvas(host: Running) -> Image.Image | None:
    """What the picture's own workflow has made: the one prompt that isn't a training's."""
    for entry in host.theirs.get("/history").values():
        for image in entry["outputs"].get("picture", {}).get("images", []):
            return picture((host.base / "temp" / image["subfolder"] / image["filename"]).read_bytes())
    return None


def picture(data: bytes) -> Image.Image:
    """Its pixels."""
    with Image.open(io.BytesIO(data)) as found:
        return found.convert("RGB")


def frightening(log: str) -> list[str]:
    """Lines of ComfyUI's log in which the pack warns, fails or is taken for broken."""
    lines = [line for line in log.splitlines() if re.search("isengard", line, re.IGNORECASE)]
    return [line for line in lines if re.search("warn|error|fail|traceback|deprecat", line, re.IGNORECASE)]
