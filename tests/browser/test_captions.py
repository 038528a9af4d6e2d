"""Captions in the panel: below the photo, in rows, many at once, by a captioner; what is being written is not lost."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from isengard.tests.browser import pictures
from isengard.tests.browser.panel import Panel
from isengard.tests.web.server import Client

pytestmark = [pytest.mark.browser, pytest.mark.slow]
Open = Callable[..., Panel]


def test_captions_are_written_where_they_stand(open_panel: Open, port: int, files: Path) -> None:
    """Below the photo, in rows one after the other, and many at once; each is saved by itself."""
    panel = open_panel()
    page = panel.page
    made = pictures.with_faces(panel, port, files, "Kim", 3)

    def captions() -> list[str]:
        return [photo["caption"] for photo in Client(port).get(f"/characters/{made}/images")["photos"]]

    page.locator(".isg-photos .isg-tile").first.click()
    page.get_by_role("dialog").get_by_label("Caption").fill("first")
    page.keyboard.press("Control+Enter")
    page.get_by_role("dialog").get_by_text("2 of 3").wait_for()
    page.keyboard.press("Escape")
    panel.button("Write captions").click()
    rows = page.locator(".isg-captions textarea")
    assert rows.first.input_value() == "first"
    panel.check_access()
    rows.nth(1).fill("second")
    page.keyboard.press("Control+Enter")
    page.keyboard.type("third")
    page.keyboard.press("Tab")
    panel.wait("[...document.querySelectorAll('.isg-captions textarea')].every(field => field.value)")
    Client(port).until(f"/characters/{made}/images?captions=present", lambda found: found["total"] == 3)
    panel.button("Change many at once").click()
    page.locator(".isg-dialog select").select_option("prepend")
    page.get_by_label("Text", exact=True).fill("photo of")
    page.get_by_text("3 captions would change:").wait_for()
    panel.check_access()
    panel.button("Apply").click()
    page.get_by_text("3 captions were changed.").wait_for()
    assert captions() == ["photo of, first", "photo of, second", "photo of, third"]
    panel.undo()
    panel.wait("document.querySelector('.isg-captions textarea')?.value === 'first'")
    assert captions() == ["first", "second", "third"]


def test_what_is_being_written_survives_news(open_panel: Open, port: int, files: Path) -> None:
    """Another window changes a photo, and everything is loaded anew: a half-written caption and a crop stay."""
    panel = open_panel()
    page = panel.page
    made = pictures.with_faces(panel, port, files, "Quin", 2)
    other = f"/characters/{made}/images/{Client(port).get(f'/characters/{made}/images')['photos'][1]['file']}"
    aside = "document.querySelectorAll('.isg-tile.aside').length === "
    page.locator(".isg-photos .isg-tile").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Caption").fill("half writ")
    Client(port).ask("PATCH", other, {"rejected": True})
    panel.wait(aside + "1")
    page.keyboard.type("ten")
    assert dialog.get_by_label("Caption").input_value() == "half written"
    dialog.get_by_role("button", name="Crop").click()
    page.keyboard.press("Shift+ArrowLeft")
    Client(port).ask("PATCH", other, {"rejected": False})
    panel.wait(aside + "0")
    assert page.locator(".isg-crop-frame").count() == 1
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    panel.button("Write captions").click()
    rows = page.locator(".isg-captions textarea")
    rows.nth(1).focus()
    page.keyboard.type("in the ro")
    Client(port).ask("PATCH", other, {"rejected": True})
    panel.wait(aside + "1")
    page.keyboard.type("w")
    page.keyboard.press("Control+Enter")
    Client(port).until(
        other.rpartition("/")[0], lambda found: "in the row" in [one["caption"] for one in found["photos"]]
    )


def test_captions_are_written_by_a_captioner_and_taken_back(open_panel: Open, port: int, files: Path) -> None:
    """What one lacks is said; the other describes what it can, says how many, and Undo takes that back."""
    panel = open_panel()
    page = panel.page
    made = pictures.with_faces(panel, port, files, "Pia", 6)
    panel.button("Write captions").click()
    panel.button("Describe automatically").click()
    page.get_by_text("No Florence-2 model was found.").wait_for()
    panel.check_access()
    panel.button("Describe 6 photos").click()
    page.get_by_text(re.compile(r"captions? (was|were) written\.")).wait_for()
    captioned = f"/characters/{made}/images?captions=present"
    assert Client(port).get(captioned)["total"] > 0
    panel.wait("[...document.querySelectorAll('.isg-captions textarea')].some(field => field.value)")
    panel.undo()
    Client(port).until(captioned, lambda found: found["total"] == 0)
