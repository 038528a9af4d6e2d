"""The panel inside a real ComfyUI, with the frontend that it brings and with a newer one: its sidebar tab from the
first click to the first picture, its settings, commands and messages, and the page of its own.

Skipped where there is no ComfyUI. The newer frontend is a folder, the `static` of the package comfyui-frontend-package,
that COMFYUI_FRONTEND names; without it those tests are skipped.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from isengard.tests.browser.panel import PATIENCE_MS, PHOTOS, Panel
from isengard.tests.comfyui.host import ComfyUI
from isengard.tests.comfyui.running import LONG, Running
from isengard.trainer.lock import read_owner

pytestmark = [pytest.mark.browser, pytest.mark.comfyui, pytest.mark.slow]

NEWER = "COMFYUI_FRONTEND"


@pytest.fixture(scope="module", params=["installed", "newer"])
def host(
    request: pytest.FixtureRequest, comfyui: ComfyUI, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """A ComfyUI with the pack, for each of the two frontends."""
    arguments: tuple[str, ...] = ()
    if request.param == "newer":
        folder = os.environ.get(NEWER)
        if not folder:
            pytest.skip(f"no newer frontend was given: {NEWER} names the static folder of one")
        assert (Path(folder) / "index.html").is_file(), f"{NEWER} is {folder}, where no index.html is"
        arguments = ("--front-end-root", folder)
    running = Running(comfyui, tmp_path_factory.mktemp("comfyui"), arguments=arguments)
    try:
        yield running.start()
    finally:
        running.kill()
        shutil.rmtree(running.base, ignore_errors=True)


class Sidebar(Panel):
    """The panel in ComfyUI's sidebar."""

    def _heard(self, kind: str, text: str) -> None:
        """What ComfyUI itself says on the console is its own affair."""
        if "isengard" in text.lower():
            super()._heard(kind, text)

    def enter(self) -> None:
        """Loads ComfyUI and sends its greeting away: newcomers are shown templates, once."""
        known = self.page.request.get(f"{self.address}api/settings").json().get("Comfy.TutorialCompleted")
        self.page.goto(self.address)
        self.tab.wait_for()
        greeting = self.page.locator(".p-dialog-mask")
        if not known:
            greeting.wait_for()
            self.page.keyboard.press("Escape")
        greeting.wait_for(state="hidden")

    @property
    def tab(self) -> Any:
        """The tab's button."""
        return self.page.locator(".isengard-tab-button, [aria-label*=Isengard]").first

    def opened(self) -> Any:
        """Opens the tab; gives the panel's element."""
        self.tab.click()
        self.page.locator(".isg-main > *").first.wait_for()
        return self.page.locator(".isg")

    def check_inside(self) -> None:
        """Nothing in the panel is wider than it, and it fills the sidebar: header and last line stay in sight."""
        left = self.page.evaluate(
            "() => { const box = one => document.querySelector(one).getBoundingClientRect();"
            " return box('.side-bar-panel:has(.isg)').height - box('.isg').height }"
        )
        assert abs(left) < 2, f"the sidebar is {left} px higher than the panel"
        wide = self.page.evaluate(
            "() => [...document.querySelectorAll('.isg-main')].map(one => one.scrollWidth - one.clientWidth)[0]"
        )
        assert wide <= 0, f"{wide} px too wide"
        self.check_words()


@pytest.fixture
def sidebar(browser: Any, host: Running) -> Iterator[Callable[..., Sidebar]]:
    """`sidebar(language=…)` opens ComfyUI in a window; nothing of ours may have complained on a console."""
    with ExitStack() as stack:
        made: list[Sidebar] = []

        def make(language: str = "en-GB") -> Sidebar:
            context = browser.new_context(viewport={"width": 1300, "height": 860}, locale=language)
            stack.callback(context.close)
            made.append(Sidebar(context.new_page(), host.port))
            made[-1].enter()
            return made[-1]

        yield make
        for one in made:
            assert one.complaints == []


def test_a_training_goes_from_the_sidebar_through_the_queue_to_a_picture(
    sidebar: Callable[..., Sidebar], host: Running
) -> None:
    """Create, add photos, train, watch, pick, generate, all in the tab; ComfyUI's address stays as it was."""
    panel = sidebar()
    page = panel.page
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    before = page.evaluate("location.hash")
    assert not [url for url in asked if url.endswith("/panel.mjs")]
    panel.opened()
    assert [url for url in asked if url.endswith("/panel.mjs")], "the panel is loaded when it is first opened"
    panel.create("Ada")
    panel.add_photos(PHOTOS)
    panel.check_inside()
    panel.step("Train")
    panel.set_up_small_training()
    panel.check_inside()
    panel.button("Start training").click()
    page.locator(".isg-monitor").wait_for(timeout=PATIENCE_MS)
    host.until(lambda: host.prompts() or host.jobs()[0]["state"] == "done", "no prompt was put into ComfyUI's queue")
    panel.button("Compare checkpoints").wait_for(timeout=PATIENCE_MS)
    panel.check_inside()
    panel.button("Compare checkpoints").click()
    panel.button("Use this one").click()
    page.get_by_text(re.compile("The checkpoint of step .* is in use")).wait_for()
    panel.check_inside()
    assert host.ours.get("/characters/ada")["lora"], "the choice is kept by the server"
    panel.step("Generate")
    page.locator("summary", has_text="Advanced").click()
    page.locator("input[name=steps]").fill("2")
    page.locator("input[name=count]").fill("1")
    panel.button("Generate").click()
    panel.wait_tiles(1, ".isg-gallery")
    panel.check_inside()
    panel.check_access(".isg")
    assert page.evaluate("location.hash") == before
    assert list(host.loras.rglob("*.safetensors")), "the LoRA lies where ComfyUI looks for LoRAs"


def test_the_shortcut_opens_and_closes_it_where_it_was(sidebar: Callable[..., Sidebar], host: Running) -> None:
    """Alt+Shift+I; what was open is open again."""
    _somebody(host)
    panel = sidebar()
    panel.page.keyboard.press("Alt+Shift+I")
    panel.page.get_by_title("More", exact=True).click()
    panel.page.get_by_role("link", name="Setup").click()
    panel.page.get_by_role("heading", name="This machine").wait_for()
    panel.page.keyboard.press("Alt+Shift+I")
    panel.page.locator(".isg").wait_for(state="detached")
    panel.page.keyboard.press("Alt+Shift+I")
    panel.page.get_by_role("heading", name="This machine").wait_for()


def test_the_end_of_a_training_is_told_while_the_panel_is_closed(
    sidebar: Callable[..., Sidebar], host: Running
) -> None:
    """In a message of ComfyUI's own; here the trainer is killed, so that the end comes after the closing."""
    _somebody(host)
    panel = sidebar()
    panel.opened()
    settings = {**LONG, "steps": 5000}
    wish = {"character": "ada", "preset": "quick", "family": "mini", "settings": settings}
    job = host.ours.post("/training", wish)["id"]
    host.ours.state(job, "training")
    panel.page.locator(".isg-running a").wait_for()
    with panel.page.expect_request("**/isengard/events"):  # it goes on listening
        panel.tab.click()
    panel.page.locator(".isg").wait_for(state="detached")
    owner = read_owner(host.root / "jobs" / job / "lock")
    assert owner is not None
    os.kill(owner.pid, signal.SIGKILL)
    panel.page.get_by_text("Ada: the training has ended.").first.wait_for()


def test_undo_in_the_panel_leaves_the_canvas_alone(sidebar: Callable[..., Sidebar], host: Running) -> None:
    """ComfyUI undoes whatever has the focus; a photo that is back must not cost a node."""
    _somebody(host)
    panel = sidebar()
    page = panel.page
    page.wait_for_function("app.extensionManager.workflow.activeWorkflow?.changeTracker?.activeState")
    before = page.evaluate(
        "() => { const tracker = app.extensionManager.workflow.activeWorkflow.changeTracker; tracker.checkState();"
        " app.graph.add(LiteGraph.createNode('EmptyLatentImage')); tracker.checkState();"
        " return app.graph.nodes.length }"
    )
    panel.opened()
    page.get_by_role("link", name="Ada").first.click()
    panel.step("Photos")
    page.locator(".isg-photos .isg-tile").first.focus()
    for combination in ("Control+z", "Control+Shift+Z", "Control+z", "Meta+z"):
        page.keyboard.press(combination)
        page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done, 200)))")
        assert page.evaluate("app.graph.nodes.length") == before, combination
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Put aside").click()
    dialog.get_by_role("button", name="Keep").wait_for()
    page.keyboard.press("Control+z")
    dialog.get_by_role("button", name="Put aside").wait_for()
    assert page.evaluate("app.graph.nodes.length") == before, "in a dialog"
    page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Control+z")  # outside the panel it is the canvas's
    page.wait_for_function(f"app.graph.nodes.length === {before - 1}")


def test_settings_stand_in_comfyuis_own_dialog(sidebar: Callable[..., Sidebar], host: Running) -> None:
    """Language, previews and behaviour can be set; the folders are shown and can't be changed."""
    _somebody(host)
    panel = sidebar()
    page = panel.page
    panel.opened()
    page.keyboard.press("Control+,")
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Isengard", exact=True).first.click()
    dialog.get_by_text("Folder of characters, trainings and pictures").wait_for()
    dialog.locator("code", has_text=str(host.root)).wait_for()
    dialog.locator("code", has_text=str(host.loras)).wait_for()
    assert dialog.locator("code >> xpath=ancestor::*[1]//input").count() == 0
    dialog.locator("[id='isengard.language']").click()
    page.locator("[role=option]", has_text="Deutsch").click()
    page.locator(".isg[lang=de]").wait_for()
    page.keyboard.press("Escape")


def test_it_takes_comfyuis_colours(sidebar: Callable[..., Sidebar], host: Running) -> None:
    """A light palette makes it light at once, and every text stays readable."""
    _somebody(host)
    panel = sidebar()
    page = panel.page
    panel.opened()
    page.locator(".isg[data-theme=dark]").wait_for()
    page.evaluate("app.extensionManager.setting.set('Comfy.ColorPalette', 'light')")
    page.locator(".isg[data-theme=light]").wait_for()
    panel.check_access(".isg")
    page.evaluate("app.extensionManager.setting.set('Comfy.ColorPalette', 'dark')")
    page.locator(".isg[data-theme=dark]").wait_for()


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


def _somebody(host: Running) -> None:
    """A character with photos, if there is none yet."""
    if any(one["id"] == "ada" for one in host.ours.get("/characters")["characters"]):
        return
    host.ours.post("/characters/sample")
    host.ours.until("/characters/ada", lambda found: found["photos"] >= 5)
