"""The whole way in a real browser, against the real server and the embedded model: from no character to a picture."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from isengard.tests.browser.panel import PATIENCE_MS, PHOTOS, Panel
from isengard.tests.web.server import LONG, Client, Server

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_from_nothing_to_a_picture(open_panel: Callable[..., Panel]) -> None:
    """Create, drop photos, read the report, train, watch, pick, generate, delete, undo; each screen is accessible."""
    panel = open_panel()
    page = panel.page
    panel.open()
    page.get_by_text("Make a character from photos.").wait_for()
    panel.check_access()

    panel.create("Ada")
    page.get_by_text("No photos yet.").wait_for()
    panel.add_photos(PHOTOS)
    panel.check_access()

    page.locator(".isg-photos .isg-tile").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Caption").fill("smiling, teal background")
    page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")
    page.locator(".isg-photos .isg-tile").first.focus()
    page.keyboard.press("ArrowRight")
    second = page.locator(".isg-photos .isg-tile").nth(1).get_attribute("title") or ""  # three arrive at a time
    page.keyboard.press("Enter")
    dialog.get_by_role("heading", name=second.split(",")[0]).wait_for()
    panel.check_access()
    page.keyboard.press("ArrowLeft")
    panel.wait("document.querySelector('dialog textarea')?.value === 'smiling, teal background'")
    page.keyboard.press("Escape")

    panel.step("Report")
    page.get_by_role("heading", name="Variety").wait_for()
    panel.check_access()

    panel.step("Train")
    page.get_by_text("practice on the small embedded model").wait_for()
    panel.check_access()
    panel.set_up_small_training()
    panel.check_access()
    panel.button("Start training").click()
    page.locator(".isg-monitor").wait_for(timeout=PATIENCE_MS)
    page.locator(".isg-running a").wait_for()
    page.locator(".isg-stage img").first.wait_for(timeout=PATIENCE_MS)
    panel.check_access()
    panel.button("Compare checkpoints").wait_for(timeout=PATIENCE_MS)
    page.locator(".isg-chart canvas").wait_for()

    panel.button("Compare checkpoints").click()
    page.locator(".isg-pick tbody tr").nth(3).wait_for()
    panel.check_access()
    panel.button("Use this one").click()
    page.get_by_text(re.compile("The checkpoint of step .* is in use")).wait_for()

    panel.step("Generate")
    page.locator("textarea[name=prompt]").fill("smiling, grey background")
    page.locator("summary", has_text="Advanced").click()
    page.locator("input[name=steps]").fill("2")
    page.locator("input[name=count]").fill("1")
    panel.check_access()
    panel.button("Generate").click()
    panel.wait_tiles(1, ".isg-gallery")
    panel.check_access()

    page.locator(".isg-gallery .isg-tile").click()
    dialog.wait_for()
    panel.check_access()
    dialog.get_by_role("button", name="Delete").click()
    panel.wait_tiles(0, ".isg-gallery")
    panel.undo()
    panel.wait_tiles(1, ".isg-gallery")


def test_what_is_there_comes_back_when_the_page_is_loaded_again(open_panel: Callable[..., Panel]) -> None:
    """Nothing lives in the page alone."""
    panel = open_panel()
    panel.open("characters/ada/train")
    panel.page.get_by_text("The training is done: 12 steps.").first.wait_for()
    panel.page.locator(".isg-chart canvas").wait_for()
    panel.open("characters/ada/generate")
    panel.wait_tiles(1, ".isg-gallery")


@pytest.mark.parametrize("dark", [True, False], ids=["dark", "light"])
def test_the_other_screens_are_accessible(open_panel: Callable[..., Panel], dark: bool) -> None:
    """Axe finds nothing, in dark and in light."""
    panel = open_panel(dark=dark)
    for address in ("", "dataset", "jobs", "setup", "trash"):
        panel.open(address)
        panel.loaded()
        panel.check_access()


@pytest.mark.parametrize("language", ["en", "de", "zh", "ar"])
def test_everything_fits_into_a_narrow_sidebar(open_panel: Callable[..., Panel], language: str) -> None:
    """At 200 px nothing is cut off, in every language; Arabic goes from right to left."""
    panel = open_panel(width=200, height=700, language=language)
    for step in ("photos", "report", "train", "pick", "generate"):
        panel.open(f"characters/ada/{step}")
        panel.loaded()
        panel.wait(f"document.documentElement.lang === '{language}'")
        assert panel.page.evaluate("document.documentElement.dir") == ("rtl" if language == "ar" else "ltr")
        panel.check_fits()
        panel.check_access()


def test_a_character_is_deleted_and_taken_back(open_panel: Callable[..., Panel]) -> None:
    """Nobody is asked whether they are sure; the way back is there."""
    panel = open_panel()
    panel.open("characters/ada/photos")
    panel.button("Delete character").click()
    panel.page.get_by_text("Ada is in the trash.").wait_for()
    panel.undo()
    panel.step("Photos")
    panel.wait_tiles(len(PHOTOS) // 2)


def test_a_photo_is_put_aside_turned_and_deleted_and_all_is_taken_back(open_panel: Callable[..., Panel]) -> None:
    """Every change of a photo has its Undo, within reach of the dialog that it was made in."""
    panel = open_panel()
    page = panel.page
    panel.open("characters/ada/photos")
    panel.wait_tiles(len(PHOTOS) // 2)
    shown = page.locator(".isg-photos .isg-tile img").first.get_attribute("src") or ""
    file = shown.split("/images/")[1].split("/")[0].split("?")[0]
    panel.expected.append(f"images/{file}")  # nobody else is so quick: it is deleted before it was shown anew
    page.locator(".isg-photos .isg-tile").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Rotate").click()
    dialog.locator(".isg-toast", has_text="Changed.").wait_for()
    dialog.get_by_role("button", name="Undo", exact=True).last.click()
    dialog.get_by_role("button", name="Put aside").click()
    dialog.get_by_role("button", name="Keep").wait_for()
    dialog.get_by_role("button", name="Undo", exact=True).last.click()
    dialog.get_by_role("button", name="Delete").click()
    panel.wait_tiles(len(PHOTOS) // 2 - 1)
    dialog.get_by_role("button", name="Undo", exact=True).last.click()
    panel.wait_tiles(len(PHOTOS) // 2)


def test_a_training_is_paused_and_goes_on(open_panel: Callable[..., Panel], port: int) -> None:
    """Pause saves the step; the button to go on says which; stopping keeps everything."""
    settings = {**LONG, "save_every": 5}
    Client(port).post("/training", {"character": "ada", "preset": "quick", "family": "mini", "settings": settings})
    panel = open_panel()
    panel.open("characters/ada/train")
    panel.page.get_by_text(re.compile(r"Learning, step \d+")).first.wait_for(timeout=PATIENCE_MS)
    panel.button("Pause").click()
    panel.page.get_by_text(re.compile(r"Paused at step \d+")).first.wait_for(timeout=PATIENCE_MS)
    panel.check_access()
    panel.page.get_by_role("button", name=re.compile(r"Continue from step \d+")).click()
    panel.page.get_by_text(re.compile(r"Learning, step \d+")).first.wait_for(timeout=PATIENCE_MS)
    panel.button("Stop").click()
    panel.page.get_by_text(re.compile(r"Stopped at step \d+")).first.wait_for(timeout=PATIENCE_MS)


def test_a_server_that_restarts_is_found_again(open_panel: Callable[..., Panel], server: Server, port: int) -> None:
    """The panel says that the connection is lost, and goes on by itself once the server is back."""
    panel = open_panel()
    panel.expected += ["net::ERR_", "status of 503"]
    panel.open("characters/ada/photos")
    panel.wait_tiles(len(PHOTOS) // 2)
    server.kill()
    panel.page.get_by_text("The connection is lost").wait_for()
    server.arguments = ("--port", str(port))
    client = server.start()
    panel.page.get_by_text("The connection is lost").wait_for(state="hidden", timeout=PATIENCE_MS)
    client.post(
        "/images/delete", {"photos": [{"character": "ada", "file": client.get("/images")["photos"][0]["file"]}]}
    )
    panel.wait_tiles(len(PHOTOS) // 2 - 1)


def test_two_windows_show_the_same(open_panel: Callable[..., Panel]) -> None:
    """What is done in one is seen in the other."""
    one, other = open_panel(), open_panel()
    for panel in (one, other):
        panel.open("characters/ada/photos")
        panel.page.locator(".isg-photos .isg-tile").first.wait_for()
    count = other.tiles()
    one.page.locator(".isg-photos .isg-tile").first.click()
    one.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    other.wait_tiles(count - 1)
