"""The dataset manager: filters, every way to select, changes of many at once taken back, and thousands of photos."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

from isengard.tests.browser import pictures
from isengard.tests.browser.gestures import draw, middle
from isengard.tests.browser.holding import Held
from isengard.tests.browser.panel import PACK, Panel
from isengard.tests.web.server import Client

pytestmark = [pytest.mark.browser, pytest.mark.slow]
Open = Callable[..., Panel]
MANY = 1300
"""More than two pages of a list."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library with more photos than are loaded at once, all of one character."""
    from isengard.library import characters
    from isengard.library.store import Library

    root = tmp_path_factory.mktemp("dataset") / "library"
    library = Library.open(root)
    characters.create(library, name="Many", trigger_word="zqmanyx")
    runpy.run_path(str(PACK / "bench" / "library.py"))["fill"](library, MANY)
    library.close()
    return root


@pytest.fixture(scope="module")
def people(port: int, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Two characters with twelve photos each; Ada's have captions."""
    client = Client(port)
    folder = tmp_path_factory.mktemp("photos")
    made = {name: str(client.post("/characters", {"name": name})["id"]) for name in ("Ada", "Bo")}
    for start, (name, slug) in enumerate(made.items()):
        photos = pictures.numbered(folder / name, 12, start=start * 12, size=640)
        for number, photo in enumerate(photos):
            form = [("files", photo)]
            if name == "Ada":
                photo.with_suffix(".txt").write_text(f"in a {'red' if number % 2 else 'blue'} coat", encoding="utf-8")
                form.insert(0, ("files", photo.with_suffix(".txt")))
            pictures.upload(port, slug, [path for _, path in form])
    return made


def _open(panel: Panel, people: dict[str, str], *names: str) -> None:
    """The dataset manager with these characters' photos alone."""
    panel.open("dataset")
    for name in names:
        panel.page.locator(".isg-chip", has_text=name).first.click()
    panel.wait_tiles(12 * len(names), ".isg-virtual")


def _selected(panel: Panel) -> int:
    return int(panel.page.locator(".isg-virtual .isg-tile.selected").count())


def test_photos_are_filtered_and_searched(open_panel: Open, people: dict[str, str]) -> None:
    """Chips add up, the search looks into captions, what is set is counted and cleared, and nothing found says so."""
    panel = open_panel()
    page = panel.page
    _open(panel, people, "Ada", "Bo")
    page.locator(".isg-chip", has_text="No caption").click()
    panel.wait_tiles(12, ".isg-virtual")
    page.locator(".isg-chip", has_text="No caption").click()
    search = page.get_by_placeholder("Search captions and names")
    search.fill("red coat")
    panel.wait_tiles(6, ".isg-virtual")
    search.fill("green")
    page.get_by_text("No photo fits these filters.").wait_for()
    panel.check_access()
    panel.button("Clear filters").click()
    assert search.input_value() == ""
    page.locator(".isg-main").get_by_text("photos", exact=False).first.wait_for()
    page.locator(".isg-chip", has_text="Too small").first.click()
    page.locator(".isg-filters select").nth(0).select_option("1")
    page.get_by_role("button", name="Largest or newest first").click()
    page.locator(".isg-virtual .isg-tile").first.wait_for()
    panel.check_access()


def test_photos_are_selected_by_click_shift_ctrl_drag_and_keys(open_panel: Open, people: dict[str, str]) -> None:
    """Also by a rectangle that begins on a photo; a click beside selects nothing."""
    panel = open_panel()
    page = panel.page
    _open(panel, people, "Ada")
    tiles = page.locator(".isg-virtual .isg-tile")
    tiles.nth(1).click()
    assert _selected(panel) == 1
    tiles.nth(4).click(modifiers=["Shift"])
    assert _selected(panel) == 4
    tiles.nth(2).click(modifiers=["Control"])
    assert _selected(panel) == 3
    page.get_by_text("3 selected").wait_for()
    panel.check_access()

    draw(page, middle(tiles.nth(0)), middle(tiles.nth(2)))
    assert _selected(panel) == 3
    row = int(
        page.evaluate(
            "getComputedStyle(document.querySelector('.isg-virtual-window')).gridTemplateColumns.split(' ').length"
        )
    )
    draw(page, middle(tiles.nth(0)), middle(tiles.nth(row + 1)))
    assert _selected(panel) == 4
    page.keyboard.down("Control")
    draw(page, middle(tiles.nth(3)), (middle(tiles.nth(3))[0] + 20, middle(tiles.nth(3))[1]))
    page.keyboard.up("Control")
    assert _selected(panel) == 5
    page.locator(".isg-dataset h2").click()
    page.keyboard.press("Escape")
    assert _selected(panel) in (0, 5)  # the key belongs to whoever has the focus

    tiles.first.focus()
    page.keyboard.press("Escape")
    assert _selected(panel) == 0
    page.keyboard.press(" ")
    assert _selected(panel) == 1
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    assert _selected(panel) == 3
    page.keyboard.press("Control+a")
    assert _selected(panel) == 12
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    page.get_by_role("dialog").wait_for()
    page.keyboard.press("Escape")
    tiles.nth(5).dblclick()
    page.get_by_role("dialog").get_by_text("6 of 12").wait_for()


def test_a_selection_is_deleted_put_aside_and_taken_back(open_panel: Open, people: dict[str, str], port: int) -> None:
    """Nobody is asked; Undo brings back exactly what was changed: what lay aside before stays aside."""
    client = Client(port)
    keys = [
        {"character": one["character"], "file": one["file"]} for one in client.get("/characters/ada/images")["photos"]
    ]
    client.post("/images/reject", {"photos": keys[:2], "rejected": True})
    panel = open_panel()
    page = panel.page
    _open(panel, people, "Ada")
    page.locator(".isg-virtual .isg-tile").first.click()
    page.keyboard.press("Control+a")
    panel.button("Put aside").click()
    page.get_by_text("10 photos are put aside.").wait_for()
    panel.undo()
    client.until("/characters/ada/images?rejected=true", lambda found: found["total"] == 2)
    panel.button("Delete").click()
    page.get_by_text("12 photos are in the trash.").wait_for()
    page.get_by_text("No photo fits these filters.").wait_for()
    panel.undo()
    panel.wait_tiles(12, ".isg-virtual")
    page.locator(".isg-virtual .isg-tile").first.click()
    page.keyboard.press("Control+a")
    panel.button("Use again").click()
    page.get_by_text("2 photos are used again.").wait_for()
    assert client.get("/characters/ada/images?rejected=true")["total"] == 0


def test_photos_are_moved_to_another_character_and_back(open_panel: Open, people: dict[str, str], port: int) -> None:
    """Their captions go with them; Undo puts each where it was."""
    panel = open_panel()
    page = panel.page
    _open(panel, people, "Ada")
    page.locator(".isg-virtual .isg-tile").first.click()
    page.locator(".isg-virtual .isg-tile").nth(2).click(modifiers=["Shift"])
    page.get_by_label("Move to…").select_option("bo")
    page.get_by_text("3 photos were moved.").wait_for()
    panel.wait_tiles(9, ".isg-virtual")
    assert Client(port).get("/characters/bo/images?captions=present")["total"] == 3
    panel.undo()
    panel.wait_tiles(12, ".isg-virtual")
    assert Client(port).get("/characters/bo/images")["total"] == 12


def test_captions_are_changed_in_bulk(open_panel: Open, people: dict[str, str], port: int) -> None:
    """What would change is shown while it is written; what makes no sense is refused in words; Undo."""
    panel = open_panel()
    page = panel.page
    _open(panel, people, "Ada")
    page.locator(".isg-virtual .isg-tile").first.click()
    page.keyboard.press("Control+a")
    panel.button("Edit captions").click()
    page.locator(".isg-dialog select").select_option("replace")
    page.get_by_role("textbox", name="Find").fill("green")
    page.get_by_text("Nothing would change.").wait_for()
    assert panel.button("Apply").is_disabled()
    page.get_by_role("textbox", name="Find").fill("blue")
    page.get_by_role("textbox", name="Replace with").fill("grey")
    page.get_by_text("6 captions would change:").wait_for()
    page.locator(".isg-diff ins", has_text="in a grey coat").first.wait_for()
    panel.check_access()
    panel.button("Apply").click()
    page.get_by_text("6 captions were changed.").wait_for()
    assert Client(port).get("/images?q=grey")["total"] == 6
    panel.undo()
    Client(port).until("/images?q=grey", lambda found: found["total"] == 0)


def test_thousands_are_shown_a_screen_at_a_time_and_selected_all(open_panel: Open, people: dict[str, str]) -> None:
    """The scroll bar knows them all from the beginning; Ctrl+A means all, not those that were loaded."""
    panel = open_panel()
    page = panel.page
    panel.open("dataset/many")
    page.get_by_text(f"{MANY:,} photos").wait_for()
    tiles = page.locator(".isg-virtual .isg-tile")
    tiles.first.wait_for()
    assert tiles.count() < 120
    heights = page.evaluate(
        "() => { const main = document.querySelector('.isg-main'); return [main.scrollHeight, main.clientHeight] }"
    )
    assert heights[0] > 20 * heights[1]
    page.evaluate("() => { const main = document.querySelector('.isg-main'); main.scrollTop = main.scrollHeight }")
    page.locator(f".isg-virtual [data-place='{MANY - 1}']").wait_for()
    assert tiles.count() < 120
    page.keyboard.press("Control+a")
    page.get_by_text(f"{MANY:,} selected").wait_for()
    page.evaluate("() => { document.querySelector('.isg-main').scrollTop = 0 }")
    page.locator(".isg-virtual [data-place='0'].selected").wait_for()


def test_all_are_selected_also_where_something_changes_meanwhile(
    open_panel: Open, people: dict[str, str], port: int
) -> None:
    """The list is asked for anew while its pages come: the selection waits for the end of both."""
    panel = open_panel()
    page = panel.page
    panel.open("dataset/many")
    page.locator(".isg-virtual .isg-tile").first.focus()
    held = Held(page, "/isengard/images.*cursor=")
    page.keyboard.press("Control+a")
    held.wait()
    photo = Client(port).get("/characters/many/images?limit=1")["photos"][0]["file"]
    with page.expect_response(lambda answer: "/isengard/images?" in answer.url and "cursor=" not in answer.url):
        Client(port).ask("PATCH", f"/characters/many/images/{photo}", {"caption": "changed meanwhile"})
    held.let_go()
    chosen = page.locator(".isg-bulk strong")
    chosen.wait_for()
    assert chosen.text_content() == f"{MANY:,} selected"


def test_a_rectangle_reaches_beyond_the_window(open_panel: Open, people: dict[str, str]) -> None:
    """Held at the lower edge, the grid scrolls on, and what passes is selected."""
    panel = open_panel()
    page = panel.page
    panel.open("dataset/many")
    tile = page.locator(".isg-virtual .isg-tile").first
    tile.wait_for()
    page.mouse.move(*middle(tile))
    page.mouse.down()
    page.mouse.move(1100, 850, steps=6)
    panel.wait("document.querySelector('.isg-main').scrollTop > 1200")
    page.mouse.up()
    seen = int((page.locator(".isg-bulk strong").text_content() or "0").split()[0].replace(",", ""))
    assert seen > 60
    panel.wait("!document.querySelector('.isg-box')")


def test_filters_fold_away_in_a_narrow_sidebar(open_panel: Open, people: dict[str, str], port: int) -> None:
    """At 200 px all of it is there, nothing is cut off, in a script that goes from right to left, too."""
    Client(port).post("/characters", {"name": "Somebody whose name goes on and on without an end"})
    for language, dark in (("en", True), ("ar", False)):
        panel = open_panel(width=200, height=700, language=language, dark=dark)
        page = panel.page
        panel.open("dataset/ada")
        panel.wait_tiles(12, ".isg-virtual")
        page.locator(".isg-filters .isg-button").click()
        page.locator(".isg-chips").wait_for()
        panel.check_fits()
        page.locator(".isg-virtual .isg-tile").first.click()
        page.locator(".isg-bulk").wait_for()
        panel.check_fits()
        panel.check_access()
