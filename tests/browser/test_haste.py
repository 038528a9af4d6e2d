"""Somebody is quicker than the server: what is asked for while something loads or is being saved counts as well."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from isengard.tests.browser import pictures
from isengard.tests.browser.gestures import Drag, draw, middle
from isengard.tests.browser.holding import Held
from isengard.tests.browser.panel import Panel
from isengard.tests.web.server import Client

pytestmark = [pytest.mark.browser, pytest.mark.slow]
Open = Callable[..., Panel]


@pytest.fixture(scope="module")
def bo(trained: Client, files: Path) -> str:
    """A second character, with two photos."""
    made = str(trained.post("/characters", {"name": "Bo"})["id"])
    pictures.upload(trained.port, made, pictures.numbered(files / "bo", 2, size=640))
    trained.until(f"/characters/{made}/images", lambda found: found["total"] == 2)
    return made


def photo_of(client: Client, character: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/characters/{character}/images")["photos"][0]
    return found


def test_pictures_are_asked_for_before_it_is_known_who_makes_them(open_panel: Open, trained: Client) -> None:
    """Ctrl+Enter counts as soon as that is known; the button says meanwhile that something is coming."""
    panel = open_panel()
    page = panel.page
    held = Held(page, r"/generators\?")
    panel.open("characters/ada/generate")
    page.locator("summary", has_text="Advanced").click()
    page.locator("input[name=steps]").fill("2")
    page.locator("input[name=count]").fill("1")
    page.locator("textarea[name=prompt]").fill("in the wind")
    held.wait()
    before = trained.get("/gallery?character=ada")["total"]
    page.locator("textarea[name=prompt]").press("Control+Enter")
    panel.button("Loading…").wait_for()
    panel.check_access()
    held.let_go()
    trained.until("/gallery?character=ada", lambda found: found["total"] > before)
    panel.wait_tiles(before + 1, ".isg-gallery")
    panel.button("Generate").wait_for()


def test_where_it_can_not_be_known_who_makes_them_that_is_said(open_panel: Open, trained: Client) -> None:
    """With what went wrong, and a button that asks again."""
    panel = open_panel()
    panel.expected.append("status of 500")
    held = Held(panel.page, r"/generators\?")
    panel.open("characters/ada/generate")
    held.wait()
    panel.page.locator("textarea[name=prompt]").fill("in the wind")
    held.refuse("Nobody knows.")
    card = panel.page.locator(".isg-failure", has_text="Nobody knows.")
    card.wait_for()
    panel.check_access()
    card.get_by_role("button", name="Try again").click()
    panel.page.locator(".isg-guides").wait_for()
    assert panel.page.locator("textarea[name=prompt]").input_value() == "in the wind"
    assert panel.button("Generate").is_enabled()


def test_two_quick_turns_are_half_a_turn(open_panel: Open, trained: Client, bo: str) -> None:
    """Pressed while the first one is still being done."""
    panel = open_panel()
    panel.open(f"characters/{bo}/photos")
    panel.page.locator(".isg-photos .isg-tile").first.click()
    panel.page.get_by_role("dialog").wait_for()
    held = Held(panel.page, rf"/characters/{bo}/images/", "PATCH")
    panel.page.keyboard.press("r")
    held.wait()
    panel.page.keyboard.press("r")
    held.let_go()
    trained.until(f"/characters/{bo}/images", lambda found: found["photos"][0]["rotation"] == 180)


def test_a_caption_is_written_on_while_it_is_saved(open_panel: Open, trained: Client, bo: str) -> None:
    """The answer takes no word away; who goes back in the browser loses nothing either, here and in the rows."""
    panel = open_panel()
    page = panel.page
    panel.open(f"characters/{bo}/photos")
    page.locator(".isg-photos .isg-tile").first.click()
    field = page.get_by_role("dialog").get_by_label("Caption")
    held = Held(page, rf"/characters/{bo}/images/", "PATCH")
    field.fill("one")
    field.press("Tab")
    held.wait()
    field.press("End")
    page.keyboard.type(" two")
    held.let_go()
    page.locator(".isg-photos .isg-tile:not([aria-label*='No caption'])").first.wait_for()
    assert field.input_value() == "one two"
    page.go_back()
    trained.until(f"/characters/{bo}/images", lambda found: found["photos"][0]["caption"] == "one two")
    panel.open(f"characters/{bo}/photos")
    panel.button("Write captions").click()
    page.locator(".isg-captions textarea").nth(1).fill("three")
    page.go_back()
    trained.until(f"/characters/{bo}/images", lambda found: found["photos"][1]["caption"] == "three")


def test_a_photo_that_is_being_deleted_is_not_deleted_twice(open_panel: Open, trained: Client, bo: str) -> None:
    """The key is pressed again while the photo is still shown: no failure, and one Undo."""
    panel = open_panel()
    page = panel.page
    panel.open(f"characters/{bo}/photos")
    panel.wait_tiles(2)
    held = Held(page, "/images/delete", "POST")
    page.locator(".isg-photos .isg-tile").first.focus()
    page.keyboard.press("Delete")
    held.wait()
    page.keyboard.press("Delete")
    held.let_go()
    panel.wait_tiles(1)
    page.get_by_text("1 photo is in the trash").wait_for()
    panel.undo()
    panel.wait_tiles(2)
    assert page.locator(".isg-toast.problem").count() == 0


def test_a_slider_is_moved_on_while_a_step_before_is_saved(open_panel: Open, trained: Client) -> None:
    """Each press of an arrow key counts; what the server says of the first moves nothing back."""
    panel = open_panel()
    page = panel.page
    panel.open("characters/ada/pick")
    slider = page.get_by_role("slider", name="Strength")
    slider.wait_for()
    before = trained.get("/characters/ada")["strength"]
    held = Held(page, r"/characters/ada$", "PATCH")
    for _ in range(3):
        slider.press("ArrowLeft")
    held.wait(3)
    with page.expect_response(re.compile("/gallery")):  # the last that is asked for when a character is loaded anew
        held.let_one_go()
    slider.press("ArrowLeft")
    held.wait(3)
    held.let_go()
    trained.until("/characters/ada", lambda found: abs(found["strength"] - (before - 0.2)) < 1e-6)


def test_photos_come_before_the_characters_are_known(open_panel: Open, trained: Client, bo: str, files: Path) -> None:
    """Nobody is taken for the first character; what is dropped behind them is added to them."""
    panel = open_panel()
    page = panel.page
    held = Held(page, r"/isengard/characters$")
    panel.open("setup")
    held.wait()
    photos = pictures.numbered(files / "early", 3, start=50, size=640)
    Drag(page, photos[:2]).drop(700, 700)
    dialog = page.get_by_role("dialog")
    page.get_by_role("dialog", name="Whose photos are these 2?").wait_for()
    Drag(page, photos[2:]).drop(700, 700)
    page.get_by_role("dialog", name="Whose photos are these 3?").wait_for()
    panel.check_access()
    held.let_go()
    dialog.get_by_role("button", name="Bo").click()
    panel.wait_tiles(5)
    keys = [{"character": bo, "file": one["file"]} for one in trained.get(f"/characters/{bo}/images")["photos"][2:]]
    trained.post("/images/delete", {"photos": keys})


def test_a_failure_is_told_to_who_has_closed_the_dialog(open_panel: Open, trained: Client) -> None:
    panel = open_panel()
    panel.expected.append("status of 500")
    page = panel.page
    panel.open()
    panel.button("New character").click()
    held = Held(page, r"/isengard/characters$", "POST")
    page.get_by_label("Name").fill("Zoe")
    panel.button("Create").click()
    held.wait()
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="hidden")
    held.refuse("No room for Zoe.")
    page.locator(".isg-toast", has_text="No room for Zoe.").wait_for()


def test_a_dialog_is_closed_by_who_means_to(open_panel: Open, trained: Client, bo: str) -> None:
    """Selecting a text beyond its edge closes nothing; a click beside it does, and so does the browser itself."""
    panel = open_panel()
    page = panel.page
    panel.open()
    dialog = page.get_by_role("dialog")
    panel.button("New character").click()
    field = page.get_by_label("Name")
    field.fill("a long name")
    draw(page, middle(field), (4, 4))
    assert dialog.count() == 1
    assert field.input_value() == "a long name"
    page.mouse.click(4, 4)
    dialog.wait_for(state="hidden")
    panel.button("New character").click()
    dialog.wait_for()
    page.evaluate("document.querySelector('dialog').close()")
    panel.wait("!document.querySelector('dialog')")
    panel.button("New character").click()
    dialog.wait_for()
    panel.open(f"characters/{bo}/photos")
    page.locator(".isg-photos .isg-tile").first.click()
    dialog.wait_for()
    page.keyboard.press("c")
    page.locator(".isg-crop-frame").wait_for()
    page.evaluate("document.querySelector('dialog').close()")  # ends the cropping alone, as Escape does
    page.locator(".isg-crop-frame").wait_for(state="hidden")
    dialog.wait_for()


def test_nothing_begins_with_another_value_than_the_one_that_stands_there(open_panel: Open, trained: Client) -> None:
    """A field that holds no number, and the button pressed at once."""
    panel = open_panel()
    page = panel.page
    panel.open("characters/ada/train")
    panel.button("Train again").click()
    page.locator("summary", has_text="Advanced").click()
    field = page.locator(".isg-setting [name=steps]")
    field.fill("many")
    start = panel.button("Start training")
    page.mouse.click(*middle(start))
    page.locator(".isg-start").get_by_text("That value does not fit.").wait_for()
    assert start.is_disabled()
    panel.check_access()
    panel.button("Back to the last training").click()
    panel.button("Train again").click()
    panel.wait("!document.querySelector('.isg-start button')?.disabled")
    assert len(trained.get("/jobs?character=ada")["jobs"]) == 1
