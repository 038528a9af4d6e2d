"""Photos in the panel: coming in, looked at, sorted out, cropped and captioned, by mouse and by keyboard."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from isengard.tests.browser import pictures
from isengard.tests.browser.gestures import Drag, draw, middle, paste_picture
from isengard.tests.browser.panel import PATIENCE_MS, Panel
from isengard.tests.web.server import Client, Server

pytestmark = [pytest.mark.browser, pytest.mark.slow]
Open = Callable[..., Panel]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where photos lie before they are added."""
    return tmp_path_factory.mktemp("files")


def _character(port: int, name: str) -> str:
    return str(Client(port).post("/characters", {"name": name, "class_word": "woman"})["id"])


def _with_faces(panel: Panel, port: int, files: Path, name: str, count: int = 6) -> str:
    """A character with photos, open at its photos."""
    made = _character(port, name)
    panel.open(f"characters/{made}/photos")
    panel.add_photos(pictures.faces(files / name, count))
    return made


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
    made = _character(port, "Bo")
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
    made = _character(port, "Cy")
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
    panel.open(f"characters/{_character(port, 'Di')}/photos")
    panel.page.locator("[data-test=folder]").set_input_files(str(folder))
    panel.wait_tiles(3)


def test_a_screenshot_is_pasted(open_panel: Open, port: int, files: Path) -> None:
    """Ctrl+V anywhere; in a caption a text stays a text."""
    (picture,) = pictures.numbered(files / "pasted", 1, size=640)
    panel = open_panel()
    panel.open(f"characters/{_character(port, 'Ed')}/photos")
    panel.page.get_by_text("Drop photos or a folder here").wait_for()
    paste_picture(panel.page, picture)
    panel.wait_tiles(1)


def test_what_is_there_already_is_shown(open_panel: Open, port: int, files: Path) -> None:
    """The same file twice is not a second photo; one click shows the first."""
    panel = open_panel()
    _with_faces(panel, port, files, "Fay", 2)
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
    made = _character(port, "Gus")
    panel.open(f"characters/{made}/photos")
    page.get_by_text("Drop photos or a folder here").wait_for()
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    slow = {"offline": False, "latency": 20, "downloadThroughput": -1, "uploadThroughput": 60_000}
    network.send("Network.emulateNetworkConditions", slow)
    page.locator("[data-test=photos]").set_input_files([str(path) for path in pictures.faces(files / "Gus", 6)])
    page.get_by_text(re.compile("photos are on their way")).first.wait_for()
    page.get_by_role("link", name="Setup").first.click()
    page.locator(".isg-running a", has_text="for Gus").wait_for()
    panel.check_access()
    network.send("Network.emulateNetworkConditions", {**slow, "uploadThroughput": -1})
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
    made = _character(port, "Hal")
    panel.open(f"characters/{made}/photos")
    page.get_by_text("Drop photos or a folder here").wait_for()
    server.kill()
    page.get_by_text("The connection is lost").wait_for()
    page.locator("[data-test=photos]").set_input_files([str(path) for path in pictures.faces(files / "Hal", 3)])
    page.get_by_text("3 photos are on their way…").wait_for()
    server.arguments = ("--port", str(port))
    server.start()
    panel.wait_tiles(3)


def test_a_photo_is_cropped_by_mouse_and_by_keyboard(open_panel: Open, port: int, files: Path) -> None:
    """A corner is dragged in; arrow keys do the same; Enter applies, Escape leaves all as it was, Undo takes back."""
    panel = open_panel()
    page = panel.page
    made = _with_faces(panel, port, files, "Ida", 1)

    def size() -> tuple[int, int]:
        (photo,) = Client(port).get(f"/characters/{made}/images")["photos"]
        return photo["width"], photo["height"]

    page.locator(".isg-photos .isg-tile").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Crop").click()
    page.wait_for_timeout(300)
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
    made = _with_faces(panel, port, files, "Jo", 5)

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


def test_captions_are_written_where_they_stand(open_panel: Open, port: int, files: Path) -> None:
    """Below the photo, in rows one after the other, and many at once; each is saved by itself."""
    panel = open_panel()
    page = panel.page
    made = _with_faces(panel, port, files, "Kim", 3)

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
    panel.wait("document.querySelector('.isg-captions textarea').value === 'first'")
    assert captions() == ["first", "second", "third"]


def test_what_is_being_written_survives_news(open_panel: Open, port: int, files: Path) -> None:
    """Another window changes a photo, and everything is loaded anew: a half-written caption and a crop stay."""
    panel = open_panel()
    page = panel.page
    made = _with_faces(panel, port, files, "Quin", 2)
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
    made = _with_faces(panel, port, files, "Pia", 6)
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


def test_the_report_shows_copies_beside_each_other_and_repairs_them(open_panel: Open, port: int, files: Path) -> None:
    """Worst first; one button mends all of a kind; Undo; whoever saw the report is sent on to training."""
    folder = files / "report"
    found = pictures.spoiled(folder)
    panel = open_panel()
    page = panel.page
    made = _character(port, "Lou")
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

    made = _character(port, "Mo")
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
    made = _character(port, f"Nia {language}")
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
