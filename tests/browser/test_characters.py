"""Characters in the panel: made, changed, given away, brought in, deleted and taken back, and what their cards say."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from isengard.tests.browser import pictures
from isengard.tests.browser.gestures import Drag, middle
from isengard.tests.browser.panel import Panel
from isengard.tests.web.server import SMALL, Client

pytestmark = [pytest.mark.browser, pytest.mark.slow]
Open = Callable[..., Panel]


@pytest.fixture
def lovelace(port: int) -> str:
    """A character, made by the first test, or here if that one was left out."""
    client = Client(port)
    if "ada-lovelace" not in [one["id"] for one in client.get("/characters")["characters"]]:
        client.post("/characters", {"name": "Ada Lovelace"})
    return "ada-lovelace"


def test_a_character_is_made_with_a_word_that_is_checked_while_it_is_typed(open_panel: Open, port: int) -> None:
    """A word that the model knows is warned of, with a better one to take; without any the server chooses."""
    panel = open_panel()
    page = panel.page
    panel.open()
    panel.button("Create your first character").click()
    page.get_by_label("Name").fill("Ada Lovelace")
    page.locator("summary", has_text="Trigger word and kind").click()
    page.get_by_label("Trigger word").fill("woman")
    page.get_by_text("is a word that the model knows").wait_for()
    panel.check_access()
    page.get_by_role("button", name="Take “").click()
    page.get_by_text("A good word: nobody has it").wait_for()
    page.get_by_label("Kind").select_option("woman")
    word = page.get_by_label("Trigger word").input_value()
    panel.button("Create").click()
    page.get_by_text("Drop photos or a folder here").wait_for()
    made = Client(port).get("/characters/ada-lovelace")
    assert (made["trigger_word"], made["class_word"]) == (word, "woman")
    panel.wait("document.title === 'Ada Lovelace · Isengard'")


def test_a_change_leaves_what_others_changed_meanwhile(open_panel: Open, lovelace: str, port: int) -> None:
    """Only what was touched here is sent."""
    panel = open_panel()
    page = panel.page
    panel.open("characters/ada-lovelace/photos")
    panel.button("Edit character").click()
    page.get_by_label("Name").fill("Countess Ada")
    Client(port).ask("PATCH", "/characters/ada-lovelace", {"notes": "from another window"})
    panel.button("Save").click()
    page.get_by_role("heading", name="Countess Ada").first.wait_for()
    found = Client(port).get("/characters/ada-lovelace")
    assert (found["name"], found["notes"]) == ("Countess Ada", "from another window")


def test_a_name_that_is_refused_says_why(open_panel: Open, lovelace: str, port: int) -> None:
    """The dialog stays, with what was typed."""
    panel = open_panel()
    panel.expected.append("status of 422")
    page = panel.page
    panel.open("characters/ada-lovelace/photos")
    panel.button("Edit character").click()
    page.get_by_label("Trigger word").fill("two words")
    panel.button("Save").click()
    page.get_by_role("alert").get_by_text("CHARACTER_INVALID").wait_for()
    assert page.get_by_label("Trigger word").input_value() == "two words"
    panel.check_access()


def test_the_card_says_where_a_character_stands(open_panel: Open, lovelace: str, port: int, files: Path) -> None:
    """Photos, training, trained; the latest picture lies on the cover; dropping photos on a card gives them to it."""
    client = Client(port)
    made = str(client.post("/characters/sample")["id"])
    panel = open_panel()
    page = panel.page
    panel.open()
    card = page.locator(f"li[data-character='{made}']")
    card.get_by_text("14 photos").wait_for()
    other = page.locator("li[data-character='ada-lovelace']")
    other.get_by_text("no photos yet").wait_for()
    Drag(page, pictures.faces(files / "card", 2)).drop(*middle(other))
    panel.wait_tiles(2)
    page.get_by_role("link", name="All characters").first.click()
    other.get_by_text("2 photos").wait_for()
    job = client.post("/training", {"character": made, "preset": "quick", "family": "mini", "settings": SMALL})["id"]
    client.state(job, "done")
    card.get_by_text("trained", exact=True).wait_for()
    asked = client.post("/generate", {"character": made, "prompt": "smiling", "count": 1, "steps": 2})["id"]
    client.until(f"/generate/{asked}", lambda found: found["state"] in ("done", "failed"))
    card.locator(".isg-latest").wait_for()
    panel.check_access()


def test_a_photo_is_made_the_cover_and_that_is_taken_back(
    open_panel: Open, lovelace: str, port: int, files: Path
) -> None:
    """The card shows it at once."""
    panel = open_panel()
    page = panel.page
    pictures.upload(port, lovelace, pictures.faces(files / "cover", 2))
    photos = Client(port).get(f"/characters/{lovelace}/images")["photos"]
    panel.open("characters/ada-lovelace/photos")
    page.locator(".isg-photos .isg-tile").nth(1).click()
    page.get_by_role("dialog").get_by_role("button", name="Use as cover").click()
    page.get_by_text("This is the cover now.").first.wait_for()
    assert Client(port).get("/characters/ada-lovelace")["cover"] == photos[1]["file"]
    panel.wait(
        f"document.querySelector('.isg-rail [data-character=ada-lovelace] img')?.src.includes('{photos[1]['file']}')"
    )
    page.get_by_role("dialog").get_by_role("button", name="Undo", exact=True).click()
    Client(port).until("/characters/ada-lovelace", lambda found: found["cover"] == "")


def test_a_character_is_given_away_and_brought_in_again(
    open_panel: Open, lovelace: str, port: int, files: Path
) -> None:
    """Export says what goes in; the file comes back by the button and by a drop; its import can be taken back."""
    panel = open_panel()
    page = panel.page
    pictures.upload(port, lovelace, pictures.faces(files / "given", 2))
    panel.open()
    card = page.locator("li[data-character='ada-lovelace']")
    card.locator("summary").click()
    card.get_by_role("button", name="Export").click()
    page.get_by_label("With the original files").uncheck()
    panel.check_access()
    with page.expect_download() as coming:
        page.get_by_role("link", name="Save the file").click()
        page.get_by_text("is being packed").wait_for()
    archive = files / "given.zip"
    coming.value.save_as(archive)
    with zipfile.ZipFile(archive) as opened:
        names = opened.namelist()
    assert any(name.endswith(".jpg") for name in names)
    assert not any("originals/" in name for name in names)

    page.locator("[data-test=archive]").set_input_files(str(archive))
    page.get_by_text("is here, with 2 photos.").wait_for()
    panel.wait_tiles(2)
    count = len(Client(port).get("/characters")["characters"])
    panel.undo()
    Client(port).until("/characters", lambda found: len(found["characters"]) == count - 1)
    page.get_by_role("heading", name="Characters").wait_for()
    Drag(page, [archive]).drop(700, 600)
    page.get_by_text("is here, with 2 photos.").wait_for()


def test_an_archive_that_is_none_is_refused_in_words(open_panel: Open, files: Path) -> None:
    """With the code and what to do."""
    panel = open_panel()
    panel.expected.append("status of 422")
    broken = files / "broken.zip"
    broken.write_bytes(b"PK\x03\x04 nothing")
    panel.open()
    panel.page.locator("[data-test=archive]").set_input_files(str(broken))
    panel.page.get_by_text("ARCHIVE_UNREADABLE").wait_for()
    panel.check_access()


def test_a_card_is_deleted_and_taken_back(open_panel: Open, port: int) -> None:
    """From the card, by keyboard, without being asked; the trash has it, too."""
    panel = open_panel()
    page = panel.page
    name = Client(port).post("/characters", {"name": "Zoe"})["id"]
    panel.open()
    card = page.locator(f"li[data-character='{name}']")
    card.locator("summary").focus()
    page.keyboard.press("Enter")
    card.get_by_role("button", name="Delete character").focus()
    page.keyboard.press("Enter")
    card.wait_for(state="hidden")
    panel.undo()
    card.wait_for()
    card.locator("summary").click()
    card.get_by_role("button", name="Delete character").click()
    card.wait_for(state="hidden")
    panel.open("trash")
    row = page.locator(".isg-list li", has_text="Zoe").first
    panel.check_access()
    row.get_by_role("button", name="Restore").click()
    page.get_by_text("Zoe is back.").wait_for()
    panel.open()
    card.wait_for()


def test_photos_without_an_owner_ask_whose_they_are(open_panel: Open, port: int, files: Path) -> None:
    """Dropped beside all cards: a list of characters, or a new one."""
    if "zoe" not in [one["id"] for one in Client(port).get("/characters")["characters"]]:
        Client(port).post("/characters", {"name": "Zoe"})
    panel = open_panel()
    page = panel.page
    panel.open("setup")
    Drag(page, pictures.faces(files / "whose", 2)).drop(700, 700)
    page.get_by_role("dialog", name="Whose photos are these 2?").wait_for()
    panel.check_access()
    page.get_by_role("dialog").get_by_role("button", name="Zoe").click()
    panel.wait_tiles(2)
    assert Client(port).get("/characters/zoe")["photos"] == 2


@pytest.mark.parametrize("width", [200, 320])
def test_cards_and_dialogs_fit_into_a_sidebar(open_panel: Open, lovelace: str, width: int) -> None:
    """In every language; Arabic goes from right to left."""
    for language, dark in (("en", True), ("de", False), ("zh", True), ("ar", False)):
        panel = open_panel(width=width, height=760, language=language, dark=dark)
        page = panel.page
        panel.open()
        page.locator(".isg-character-card").first.wait_for()
        panel.wait(f"document.documentElement.lang === '{language}'")
        panel.check_fits()
        panel.check_access()
        page.locator(".isg-character-card summary").first.click()
        panel.check_fits()
        panel.check_access(".isg-menu[open]")
