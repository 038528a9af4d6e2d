"""Photos come into the panel: dropped, pasted or picked, at once or late, and each says what became of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from isengard.tests.browser import pictures
from isengard.tests.browser.gestures import Drag, paste_picture
from isengard.tests.browser.holding import Held
from isengard.tests.browser.panel import PATIENCE_MS, Panel
from isengard.tests.web.server import Client, Server

pytestmark = [pytest.mark.browser, pytest.mark.slow]
Open = Callable[..., Panel]


def test_photos_dropped_on_an_empty_library_lead_to_a_character(open_panel: Open, files: Path) -> None:
    """Who drops photos first is asked for a name, and the photos go there."""
    panel = open_panel()
    page = panel.page
    panel.open()
    page.get_by_text("Make a character from photos.").wait_for()
    photos = pictures.faces(files / "first", 3)
    drag = Drag(page, photos)
    drag.over(600, 400)
    page.get_by_text("Let go to add photos").wait_for()
    drag.drop(600, 400)
    page.get_by_text("3 photos are added as soon as there is a name.").wait_for()
    panel.check_access()
    page.get_by_label("Name").fill("Ada")
    panel.button("Create").click()
    panel.wait_tiles(3)
    page.get_by_text("2 more photos, and training can begin.").first.wait_for()
    page.get_by_text("Let go to add photos").wait_for(state="hidden")


def test_a_mixed_drop_says_of_each_file_what_became_of_it(open_panel: Open, port: int, files: Path) -> None:
    """Photos are taken, a broken one is refused in words, what is no photo is named, a text is its photo's caption."""
    folder = files / "mixed"
    found = pictures.spoiled(folder)
    (folder / "notes.pdf").write_bytes(b"%PDF-1.4")
    found["good"].with_suffix(".txt").write_text("in a yellow sweater", encoding="utf-8")
    panel = open_panel()
    page = panel.page
    made = pictures.character(port, "Bo")
    panel.open(f"characters/{made}/photos")
    page.get_by_text("Drop photos or a folder here").wait_for()
    given = [*found.values(), found["good"].with_suffix(".txt"), folder / "notes.pdf"]
    Drag(page, given).drop(640, 20)  # the header is as good a place as any
    page.get_by_text("1 file is no photo and was left out: notes.pdf").wait_for()  # first: it goes after a while
    panel.wait_tiles(4)
    refused = page.locator(".isg-uploads li", has_text="broken.jpg")
    refused.get_by_text("PHOTO_UNREADABLE").wait_for()
    refused.get_by_text("is damaged or cut short").wait_for()
    panel.check_access()
    captions = {photo["title"]: photo["caption"] for photo in Client(port).get(f"/characters/{made}/images")["photos"]}
    assert captions["face-0.jpg"] == "in a yellow sweater"
    panel.button("Close").click()
    refused.wait_for(state="hidden")


def test_folders_are_walked_through_and_captions_stay_with_their_own(open_panel: Open, port: int, files: Path) -> None:
    """Two photos of one name in two folders have each its own caption; what systems leave in folders is passed over."""
    for day, number in (("one", 1), ("two", 2)):
        (picture,) = pictures.numbered(files / "trip" / day, 1, start=number)
        picture.rename(picture.with_name("same.png"))
        picture.with_name("same.txt").write_text(f"on day {day}", encoding="utf-8")
    (files / "trip" / "Thumbs.db").write_bytes(b"x")
    (files / "trip" / ".hidden.png").write_bytes(b"x")
    panel = open_panel()
    made = pictures.character(port, "Cy")
    panel.open(f"characters/{made}/photos")
    panel.page.get_by_text("Drop photos or a folder here").wait_for()
    Drag(panel.page, [files / "trip"]).drop(600, 500)
    panel.wait_tiles(2)
    assert sorted(photo["caption"] for photo in Client(port).get(f"/characters/{made}/images")["photos"]) == [
        "on day one",
        "on day two",
    ]
    assert panel.page.locator(".isg-toast").count() == 0


def test_a_folder_is_picked(open_panel: Open, port: int, files: Path) -> None:
    """The same by the button."""
    folder = pictures.numbered(files / "picked" / "inner", 3)[0].parent.parent
    panel = open_panel()
    panel.open(f"characters/{pictures.character(port, 'Di')}/photos")
    panel.page.locator("[data-test=folder]").set_input_files(str(folder))
    panel.wait_tiles(3)


def test_a_screenshot_is_pasted(open_panel: Open, port: int, files: Path) -> None:
    """Ctrl+V anywhere; in a caption a text stays a text."""
    (picture,) = pictures.numbered(files / "pasted", 1, size=640)
    panel = open_panel()
    panel.open(f"characters/{pictures.character(port, 'Ed')}/photos")
    panel.page.get_by_text("Drop photos or a folder here").wait_for()
    paste_picture(panel.page, picture)
    panel.wait_tiles(1)


def test_what_is_there_already_is_shown(open_panel: Open, port: int, files: Path) -> None:
    """The same file twice is not a second photo; one click shows the first."""
    panel = open_panel()
    pictures.with_faces(panel, port, files, "Fay", 2)
    panel.page.locator("[data-test=photos]").set_input_files(str(files / "Fay" / "face-1.jpg"))
    panel.page.get_by_text("is here already").wait_for()
    panel.button("Show it").click()
    panel.page.get_by_role("dialog", name="face-1.jpg").wait_for()
    panel.page.keyboard.press("Escape")
    assert panel.tiles() == 2


def test_photos_go_on_arriving_while_another_step_is_open(open_panel: Open, port: int, files: Path) -> None:
    """Leaving the step stops nothing; the line below says so and leads back."""
    panel = open_panel()
    page = panel.page
    made = pictures.character(port, "Gus")
    panel.open(f"characters/{made}/photos")
    page.get_by_text("Drop photos or a folder here").wait_for()
    held = Held(page, f"/characters/{made}/images$", "POST")
    page.locator("[data-test=photos]").set_input_files([str(path) for path in pictures.faces(files / "Gus", 6)])
    page.get_by_text(re.compile("photos are on their way")).first.wait_for()
    page.get_by_role("link", name="Setup").first.click()
    page.locator(".isg-running a", has_text="for Gus").wait_for()
    panel.check_access()
    held.let_go()
    page.locator(".isg-running a", has_text="for Gus").wait_for(state="hidden", timeout=PATIENCE_MS)
    panel.open(f"characters/{made}/photos")
    panel.wait_tiles(6)


def test_photos_arrive_although_the_server_is_restarted(
    open_panel: Open, server: Server, port: int, files: Path
) -> None:
    """What could not be sent is sent once the server is back, without anybody doing anything."""
    panel = open_panel()
    panel.expected += ["net::ERR_", "status of 503"]
    page = panel.page
    made = pictures.character(port, "Hal")
    panel.open(f"characters/{made}/photos")
    page.get_by_text("Drop photos or a folder here").wait_for()
    server.kill()
    page.get_by_text("The connection is lost").wait_for()
    page.locator("[data-test=photos]").set_input_files([str(path) for path in pictures.faces(files / "Hal", 3)])
    page.get_by_text("3 photos are on their way…").wait_for()
    server.arguments = ("--port", str(port))
    server.start()
    panel.wait_tiles(3)
