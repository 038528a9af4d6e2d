"""Pictures of FLUX.1 in ComfyUI's sidebar, on small files: guides with their inputs, and a workflow on the canvas."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from isengard.tests.browser.panel import PHOTOS
from isengard.tests.browser.test_in_comfyui import Sidebar
from isengard.tests.comfyui.flux_host import add_ada, flux_lora, flux_models, furnish, small_flux
from isengard.tests.comfyui.host import ComfyUI
from isengard.tests.comfyui.running import Running
from isengard.tests.comfyui.small_flux import furnish_more, more_models

__all__ = ["flux_lora", "flux_models", "more_models", "small_flux"]
pytestmark = [pytest.mark.browser, pytest.mark.comfyui, pytest.mark.slow]
SMALL = {"width": 64, "height": 64, "steps": 2}
"""What a processor makes in seconds; people are not offered such sizes."""


@pytest.fixture(scope="module")
def host(
    comfyui: ComfyUI, flux_models: Path, more_models: Path, flux_lora: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """A ComfyUI with small files of FLUX.1, ControlNet, Redux and an upscaler, Ada with a LoRA and a picture of her."""
    running = Running(comfyui, tmp_path_factory.mktemp("comfyui"))
    furnish(running, flux_models)
    furnish_more(running, more_models)
    add_ada(running.root, running.loras, flux_lora)
    try:
        running.start()
        wish = {**SMALL, "prompt": "{trigger} woman, smiling", "character": "ada", "seed": 7}
        made = running.ours.post("/generate", wish)["id"]
        running.ours.until(f"/generate/{made}", lambda found: found["state"] in ("done", "failed"))
        yield running
    finally:
        running.kill()
        shutil.rmtree(running.base, ignore_errors=True)


@pytest.fixture
def sidebar(browser: Any, host: Running) -> Iterator[Sidebar]:
    """The tab, opened at the step where pictures are made."""
    context = browser.new_context(viewport={"width": 1300, "height": 860}, locale="en-GB")
    panel = Sidebar(context.new_page(), host.port)
    panel.enter()
    panel.opened()
    panel.page.locator(".isg-character-card", has_text="Ada").or_(panel.page.locator(".isg-steps")).first.click()
    panel.step("Generate")
    panel.page.locator(".isg-gallery .isg-tile").first.wait_for()
    yield panel
    assert panel.complaints == []
    context.close()


def test_a_picture_is_opened_as_a_workflow_on_the_canvas(sidebar: Sidebar) -> None:
    """The graph that made it, LoRA included, stands there to be run or changed."""
    page = sidebar.page
    page.locator(".isg-gallery .isg-tile").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Open as workflow").click()
    page.get_by_text("The workflow stands on the canvas.").wait_for()
    kinds = page.evaluate("app.graph._nodes.map(one => one.type)")
    assert {"UNETLoader", "LoraLoaderModelOnly", "VAEDecode"} <= set(kinds), kinds
    assert "smiling" in page.evaluate("JSON.stringify(app.graph.serialize())")


def test_guides_are_given_their_pictures_and_steer(sidebar: Sidebar, host: Running) -> None:
    """What is there has inputs; what is missing says what to get and where; the request has what was set."""
    page = sidebar.page

    def smaller(route: Any) -> None:
        route.continue_(post_data=json.dumps({**route.request.post_data_json, **SMALL}))

    page.route(
        "**/isengard/generate", lambda route: smaller(route) if route.request.method == "POST" else route.continue_()
    )
    page.locator("summary", has_text="Guides").click()
    guides = page.locator(".isg-guides")
    guides.get_by_label("Pose and edges of a picture").check()
    go = page.get_by_role("button", name="Generate", exact=True)
    assert go.is_disabled(), "a guide without its picture can't be asked for"
    guides.locator("input[type=file]").set_input_files(str(next(file for file in PHOTOS if file.suffix == ".jpg")))
    guides.locator("img").wait_for()
    assert guides.locator("option[value=canny]").is_enabled()
    pose = guides.locator("option[value=pose]")
    assert pose.is_disabled(), "no pack that finds poses is installed"
    assert guides.locator("a[href^=https]").count() >= 1
    guides.get_by_label("Make larger").check()
    assert guides.get_by_label("Fix faces").count() == 0, "there is no face detector"
    sidebar.check_inside()
    sidebar.check_access(".isg")
    page.locator("input[name=count]").fill("1")
    before = host.ours.get("/gallery?character=ada")["total"]
    go.click()
    host.ours.until("/gallery?character=ada", lambda found: found["total"] > before)
    made = host.ours.get("/gallery?character=ada&limit=1")["pictures"][0]["settings"]
    assert made["controlnet"]["kind"] == "canny"
    assert made["upscale"]["factor"] == 2
    page.locator(".isg-gallery .isg-tile").nth(before).wait_for()


def test_beside_comfyui_the_workflow_is_saved(browser: Any, host: Running) -> None:
    """The page of its own has no canvas: it gives the file that ComfyUI opens."""
    page = browser.new_context(
        viewport={"width": 1300, "height": 860}, locale="en-GB", accept_downloads=True
    ).new_page()
    page.set_default_timeout(60_000)
    page.goto(f"http://127.0.0.1:{host.port}/isengard#/characters/ada/generate")
    page.locator(".isg-gallery .isg-tile").last.click()
    with page.expect_download() as saved:
        page.get_by_role("dialog").get_by_role("button", name="Open as workflow").click()
    graph = json.loads(Path(saved.value.path()).read_text(encoding="utf-8"))
    assert "UNETLoader" in {one["class_type"] for one in graph.values()}
    page.context.close()
