"""Photos in the panel: looked at, cropped, sorted out, repaired from the report, by mouse and by keyboard."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from isengard.tests.browser import pictures
from isengard.tests.browser.gestures import draw, middle
from isengard.tests.browser.panel import Panel
from isengard.tests.web.server import Client

pytestmark = [pytest.mark.browser, pytest.mark.slow]
Open = Callable[..., Panel]


def test_a_photo_is_cropped_by_mouse_and_by_keyboard(open_panel: Open, port: int, files: Path) -> None:
    """A corner is dragged in; arrow keys do the same; Enter applies, Escape leaves all as it was, Undo takes back."""
    panel = open_panel()
    page = panel.page
    made = pictures.with_faces(panel, port, files, "Ida", 1)

    def size() -> tuple[int, int]:
        (photo,) = Client(port).get(f"/characters/{made}/images")["photos"]
        return photo["width"], photo["height"]

    page.locator(".isg-photos .isg-tile").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Crop").click()
    page.locator(".isg-crop-frame").wait_for()
    panel.wait("[...document.querySelectorAll('dialog img')].every((one) => one.complete)")
    panel.check_access()
    frame = page.locator(".isg-crop-frame").bounding_box()
    corner = page.locator(".isg-crop-frame .se")
    x, y = middle(corner)
    draw(page, (x, y), (x - frame["width"] / 2, y - frame["height"] / 2))
    dialog.get_by_role("button", name="Apply").click()
    dialog.get_by_text("Cropped.").wait_for()
    width, height = size()
    assert abs(width - 512) < 40
    assert abs(height - 512) < 40
    dialog.locator(".isg-toast").get_by_role("button", name="Undo").click()
    dialog.get_by_text("1024 × 1024").wait_for()

    page.keyboard.press("c")
    for _ in range(10):
        page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Escape")
    page.locator(".isg-crop-frame").wait_for(state="hidden")
    assert size() == (1024, 1024)
    page.keyboard.press("c")
    for _ in range(10):
        page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("Enter")
    dialog.get_by_text("Cropped.").wait_for()
    assert abs(size()[0] - 819) < 20


def test_photos_are_sorted_out_with_keys_alone(open_panel: Open, port: int, files: Path) -> None:
    """Tab reaches the grid as one stop; arrows, Home and End walk; X, K, R, Delete and Ctrl+Z do what they say."""
    panel = open_panel()
    page = panel.page
    made = pictures.with_faces(panel, port, files, "Jo", 5)

    def states() -> list[bool]:
        return [photo["rejected"] for photo in Client(port).get(f"/characters/{made}/images")["photos"]]

    titles = [photo["title"] for photo in Client(port).get(f"/characters/{made}/images")["photos"]]
    assert page.locator(".isg-photos .isg-tile[tabindex='0']").count() == 1
    page.locator(".isg-photos .isg-tile").first.focus()
    page.keyboard.press("End")
    panel.wait("document.activeElement.dataset.place === '4'")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    panel.wait("document.activeElement.dataset.place === '1'")
    page.keyboard.press("x")
    page.locator(".isg-photos .isg-tile.aside").wait_for()
    assert states() == [False, True, False, False, False]
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name=titles[1])
    dialog.get_by_text("It stays here and is not trained on.").wait_for()
    page.keyboard.press("k")
    dialog.locator(".isg-chip.aside").wait_for(state="hidden")
    page.keyboard.press("ArrowRight")
    dialog = page.get_by_role("dialog", name=titles[2])
    dialog.wait_for()
    page.keyboard.press("r")
    dialog.get_by_text("Changed.").wait_for()
    panel.wait("[...document.images].every((one) => one.complete)")
    page.keyboard.press("Delete")
    page.get_by_role("dialog", name=titles[3]).wait_for()
    panel.wait_tiles(4)
    page.get_by_text("1 photo is in the trash").first.wait_for()
    page.keyboard.press("Control+z")
    panel.wait_tiles(5)
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="hidden")
    assert states() == [False] * 5


def test_the_report_shows_copies_beside_each_other_and_repairs_them(open_panel: Open, port: int, files: Path) -> None:
    """Worst first; one button mends all of a kind; Undo; whoever saw the report is sent on to training."""
    folder = files / "report"
    found = pictures.spoiled(folder)
    panel = open_panel()
    page = panel.page
    made = pictures.character(port, "Lou")
    panel.open(f"characters/{made}/photos")
    given = [*pictures.faces(folder, 6), found["dark"], found["copy"]]
    panel.add_photos(given)
    page.get_by_text("photos need a look before you train.").wait_for()
    panel.button("See the report").click()
    copies = page.locator(".isg-group", has_text="Nearly the same picture")
    copies.locator(".isg-pair-of .isg-tile").nth(1).wait_for()
    panel.check_access()
    panel.check_fits()
    copies.get_by_role("button", name="Put it aside").click()
    copies.wait_for(state="hidden")
    page.get_by_text("1 photo is put aside.").wait_for()
    panel.undo()
    copies.wait_for()
    dark = page.locator(".isg-group", has_text="Too dark")
    dark.get_by_role("button", name="It is fine").click()
    dark.wait_for(state="hidden")
    panel.undo()
    dark.wait_for()
    copies.locator(".isg-tile").first.click()
    page.get_by_role("dialog").get_by_text("The other one:").click()
    page.keyboard.press("Escape")
    panel.step("Photos")
    page.get_by_text("8 photos are ready to train on.").wait_for()


def test_what_the_server_says_is_told_in_words(open_panel: Open, port: int, files: Path) -> None:
    """A character that is gone has a way out; a full disk is told once for all photos, which can be sent again."""
    panel = open_panel()
    panel.expected += ["status of 404", "status of 507"]
    page = panel.page
    panel.open("characters/nobody/photos")
    page.get_by_text("CHARACTER_MISSING").wait_for()
    page.get_by_role("alert").get_by_role("button", name="All characters").click()
    page.get_by_role("heading", name="Characters").wait_for()

    made = pictures.character(port, "Mo")
    panel.open(f"characters/{made}/photos")
    page.get_by_text("Drop photos or a folder here").wait_for()
    address = re.compile(f"/characters/{made}/images$")
    error = {"code": "DISK_FULL", "message": "The disk is full.", "hint": "Make room.", "correlation_id": "abcdefgh"}

    def refuse(route: Any) -> None:
        if route.request.method == "POST":
            route.fulfill(status=507, json={"error": error})
        else:
            route.continue_()

    page.route(address, refuse)
    page.locator("[data-test=photos]").set_input_files([str(path) for path in pictures.faces(files / "Mo", 4)])
    told = page.locator(".isg-uploads li", has_text="The disk is full.")
    told.get_by_text("face-3.jpg").wait_for()
    assert page.locator(".isg-uploads li").count() == 1
    panel.check_access()
    page.unroute(address)
    told.get_by_role("button", name="Try again").click()
    panel.wait_tiles(4)


@pytest.mark.parametrize("language", ["en", "de", "zh", "ar"])
def test_dialogs_fit_into_a_narrow_sidebar(open_panel: Open, port: int, files: Path, language: str) -> None:
    """At 200 px, with a photo open, its crop, and captions: nothing is cut off, axe finds nothing."""
    made = pictures.character(port, f"Nia {language}")
    panel = open_panel(width=200, height=700, language=language, dark=language in ("en", "zh"))
    page = panel.page
    panel.open(f"characters/{made}/photos")
    panel.add_photos(pictures.faces(files / language, 2))
    panel.check_fits()
    page.locator(".isg-photos .isg-tile").first.click()
    page.get_by_role("dialog").wait_for()
    for key in ("", "c"):
        if key:
            page.keyboard.press(key)
            page.locator(".isg-crop-frame").wait_for()
        wide = page.evaluate(
            "() => { const box = document.querySelector('dialog'); return box.scrollWidth - box.clientWidth }"
        )
        assert wide <= 0, f"{wide} px too wide"
        panel.check_access()
