"""Pictures are asked for and looked after: shapes, several characters, guides that say why they are off, again, vary,
cover, keys."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from isengard.tests.browser.gestures import Drag, middle, paste_picture
from isengard.tests.browser.panel import PHOTOS, Panel
from isengard.tests.browser.pictures import numbered, upload
from isengard.tests.web.server import SMALL, Client

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def pictures(trained: Client) -> Client:
    """With three pictures at least in the gallery."""
    while trained.get("/gallery?character=ada")["total"] < 3:
        body = {"character": "ada", "prompt": "{trigger} woman, smiling", "count": 3, "steps": 2, "seed": 40}
        made = trained.post("/generate", body)["id"]
        trained.until(f"/generate/{made}", lambda found: found["state"] in ("done", "failed"))
    return trained


@pytest.fixture(scope="module")
def company(trained: Client, port: int) -> Client:
    """With two characters more: Bob, who is trained, and Cy, who isn't."""
    photos = [file for file in PHOTOS if file.suffix == ".jpg"]
    for name, word in (("Bob", "sks"), ("Cy", "zwx")):
        trained.post("/characters", {"name": name, "trigger_word": word, "class_word": "man"})
    upload(port, "bob", photos)
    trained.until("/characters/bob", lambda found: found["photos"] == len(photos))
    wish = {"character": "bob", "preset": "quick", "family": "mini", "settings": SMALL}
    trained.state(trained.post("/training", wish)["id"], "done")
    return trained


def newest(client: Client) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/gallery?character=ada&limit=1")["pictures"][0]
    return found


def test_a_picture_is_asked_for_by_keyboard(open_panel: Callable[..., Panel], trained: Client) -> None:
    """Words, shape and number; Ctrl+Enter begins; what was written is there again after leaving the step."""
    panel = open_panel()
    page = panel.page
    panel.open("characters/ada/generate")
    page.locator("textarea[name=prompt]").fill("in the rain")
    page.locator("input[name=aspect]").first.focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    assert page.locator(".isg-aspects .chosen").text_content() == "16:9"
    page.get_by_role("slider", name="Pictures").focus()
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    page.locator("summary", has_text="Advanced").press("Enter")
    page.locator("input[name=steps]").fill("2")
    page.locator("input[name=seed]").fill("77")
    panel.step("Pick")
    page.locator(".isg-pick").first.wait_for()
    panel.step("Generate")
    assert page.locator("textarea[name=prompt]").input_value() == "in the rain"
    before = trained.get("/gallery?character=ada")["total"]
    page.locator("textarea[name=prompt]").press("Control+Enter")
    panel.wait_tiles(before + 1, ".isg-gallery")
    made = newest(trained)
    assert made["settings"]["seed"] == 77
    assert made["settings"]["aspect"] == "16:9"
    assert made["settings"]["steps"] == 2
    assert made["width"] > made["height"]
    assert "in the rain" in made["prompt"]
    assert made["settings"]["loras"][0]["trigger_word"] in made["settings"]["sent"]


def test_guides_that_cannot_run_say_why(open_panel: Callable[..., Panel], trained: Client) -> None:
    """The embedded model has none of them: each has its reason and no switch, and Setup is one click away."""
    panel = open_panel()
    page = panel.page
    panel.open("characters/ada/generate")
    page.locator("summary", has_text="Guides").click()
    guides = page.locator(".isg-guide-list > li")
    assert guides.count() == 4
    for at in range(4):
        guides.nth(at).locator("p", has_text=re.compile(".{30}")).wait_for()
        assert guides.nth(at).locator("input").count() == 0
    panel.check_access()
    page.locator(".isg-guides > button").click()
    page.get_by_role("heading", name="This machine").wait_for()


def test_what_does_not_fit_is_shown_where_it_is_folded_away(open_panel: Callable[..., Panel], trained: Client) -> None:
    """A seed that is no number: the button leads to it."""
    panel = open_panel()
    page = panel.page
    panel.open("characters/ada/generate")
    advanced = page.locator("summary", has_text="Advanced")
    advanced.click()
    page.locator("input[name=seed]").fill("seven")
    advanced.click()
    page.locator("input[name=seed]").wait_for(state="hidden")
    panel.button("Generate").click()
    panel.wait("document.activeElement.name === 'seed'")
    page.locator("input[name=seed]").wait_for()


def test_a_guide_is_given_its_picture_by_paste_and_by_drop(
    open_panel: Callable[..., Panel], trained: Client, files: Path
) -> None:
    """It goes to the guide and not among the photos. This server has no guides, so they are put into its answer."""
    panel = open_panel()
    page = panel.page

    def with_guides(route: Any) -> None:
        found = route.fetch().json()
        for toggle in (one for generator in found["generators"] for one in generator["toggles"]):
            toggle["ready"] = True
        route.fulfill(json=found)

    page.route(re.compile(r"/generators\?"), with_guides)
    photos = trained.get("/characters/ada")["photos"]
    one, other = numbered(files / "guides", 2, size=320)
    panel.open("characters/ada/generate")
    page.locator("summary", has_text="Guides").click()
    switch = page.locator("input[name=controlnet]")
    switch.check()
    place = page.locator(".isg-guide-picture").first
    place.locator("input").focus()
    paste_picture(page, one)
    place.locator("img").wait_for()
    Drag(page, [other]).drop(*middle(place))
    place.get_by_text(other.name).wait_for()
    page.locator(".isg-dropping").wait_for(state="hidden")
    switch.uncheck()
    switch.check()
    place.get_by_text(other.name).wait_for()
    panel.wait("[...document.querySelectorAll('.isg-guide-picture img')].every((one) => one.naturalWidth)")
    assert trained.get("/characters/ada")["photos"] == photos


def test_a_picture_is_made_again_and_varied(open_panel: Callable[..., Panel], pictures: Client) -> None:
    """Again has the seed and all settings, vary another seed; both with the keys A and V."""
    panel = open_panel()
    page = panel.page
    panel.open("characters/ada/generate")
    page.locator(".isg-gallery .isg-tile").first.click()
    page.get_by_role("dialog").wait_for()
    first = newest(pictures)
    total = pictures.get("/gallery?character=ada")["total"]
    page.keyboard.press("a")
    pictures.until("/gallery?character=ada", lambda found: found["total"] == total + 1)
    same = newest(pictures)
    assert same["id"] != first["id"]
    assert {**same["settings"], "count": 0} == {**first["settings"], "count": 0, "seed": same["settings"]["seed"]}
    assert same["settings"]["seed"] == first["settings"]["seed"]
    panel.wait("document.querySelectorAll('.isg-making').length === 0")
    page.locator(".isg-gallery .isg-tile").first.click()
    page.get_by_role("dialog").wait_for()
    page.keyboard.press("v")
    pictures.until("/gallery?character=ada", lambda found: found["total"] == total + 2)
    assert newest(pictures)["settings"]["seed"] != first["settings"]["seed"]


def test_the_large_view_is_walked_by_keys(open_panel: Callable[..., Panel], pictures: Client) -> None:
    """Arrows, Home, End, Delete with Undo, Escape; it says which one it is."""
    panel = open_panel()
    page = panel.page
    panel.open("characters/ada/generate")
    page.locator(".isg-gallery .isg-tile").first.click()
    dialog = page.get_by_role("dialog")
    total = pictures.get("/gallery?character=ada")["total"]
    dialog.get_by_text(f"1 of {total}").wait_for()
    page.keyboard.press("ArrowRight")
    dialog.get_by_text(f"2 of {total}").wait_for()
    page.keyboard.press("End")
    dialog.get_by_text(f"{total} of {total}").wait_for()
    page.keyboard.press("Home")
    dialog.get_by_text(f"1 of {total}").wait_for()
    dialog.get_by_role("button", name="Open as workflow").wait_for()
    panel.check_access()
    page.keyboard.press("Delete")
    dialog.wait_for(state="hidden")
    panel.wait_tiles(total - 1, ".isg-gallery")
    panel.undo()
    panel.wait_tiles(total, ".isg-gallery")


def test_settings_are_taken_over_into_the_form(open_panel: Callable[..., Panel], pictures: Client) -> None:
    """Prompt and seed stand in the fields, to be changed before anything is made."""
    panel = open_panel()
    page = panel.page
    panel.open("characters/ada/generate")
    page.locator(".isg-gallery .isg-tile").first.click()
    total = pictures.get("/gallery?character=ada")["total"]
    page.get_by_role("dialog").get_by_role("button", name="Take these settings").click()
    panel.wait("document.activeElement.name === 'prompt'")
    page.locator("summary", has_text="Advanced").click()
    first = newest(pictures)
    assert page.locator("input[name=seed]").input_value() == str(first["settings"]["seed"])
    assert page.locator("textarea[name=prompt]").input_value() in first["prompt"]
    assert pictures.get("/gallery?character=ada")["total"] == total


def test_a_picture_becomes_the_cover(open_panel: Callable[..., Panel], pictures: Client) -> None:
    """Without being put among the photos; Undo brings the one before."""
    panel = open_panel()
    page = panel.page
    panel.open("characters/ada/generate")
    photos = pictures.get("/characters/ada")["photos"]
    page.locator(".isg-gallery .isg-tile").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Use as cover").click()
    dialog.get_by_text("This is the cover now.").wait_for()
    found = pictures.get("/characters/ada")
    assert (found["cover_picture"], found["photos"]) == (newest(pictures)["id"], photos)
    dialog.get_by_role("button", name="Undo").click()
    pictures.until("/characters/ada", lambda after: after["cover_picture"] == "")


def in_it(picture: dict[str, Any]) -> list[tuple[str, float]]:
    """Who is in a picture, and how strongly."""
    return [(use["character"], use["strength"]) for use in picture["settings"]["loras"]]


def test_two_characters_are_in_one_picture(open_panel: Callable[..., Panel], company: Client) -> None:
    """Added by name, each with a strength and a word at the prompt; again, vary and take keep them; the settings of the
    picture name both, and it is in both galleries."""
    panel = open_panel()
    page = panel.page
    panel.open("characters/ada/generate")
    panel.button("Add another character").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Has no LoRA yet").wait_for()
    assert dialog.get_by_role("button", name="Cy").count() == 0
    panel.check_access()
    dialog.get_by_role("button", name="Bob").click()
    page.get_by_role("slider", name="Strength of Bob").fill("0.6")
    assert [text.strip() for text in page.locator(".isg-prompt-chip").all_text_contents()][1] == "Bobsks"
    page.locator("textarea[name=prompt]").fill("at sea")
    page.locator("summary", has_text="Advanced").click()
    page.locator("input[name=steps]").fill("2")
    page.locator("input[name=count]").fill("1")
    panel.check_access()
    total = company.get("/gallery?character=bob")["total"]
    panel.button("Generate").click()
    company.until("/gallery?character=bob", lambda found: found["total"] == total + 1)
    made = newest(company)
    assert in_it(made) == [("ada", 1.0), ("bob", 0.6)]
    ada = made["settings"]["loras"][0]["trigger_word"]
    assert made["settings"]["sent"] == f"{ada} woman and sks man, at sea"

    page.reload()
    page.get_by_role("slider", name="Strength of Bob").wait_for()
    for key in ("a", "v"):
        panel.wait("document.querySelectorAll('.isg-making').length === 0")
        page.locator(".isg-gallery .isg-tile").first.click()
        dialog.get_by_text("Ada woman and Bob man, at sea").wait_for()
        before = newest(company)
        assert {"Ada", "Bob"} <= set(dialog.locator("dt").all_text_contents())
        page.keyboard.press(key)
        total += 1
        company.until("/gallery?character=bob", lambda found, wanted=total: found["total"] == wanted + 1)
        after = newest(company)
        assert (in_it(after), after["settings"]["sent"]) == (in_it(made), made["settings"]["sent"])
        assert (after["settings"]["seed"] == before["settings"]["seed"]) == (key == "a")

    panel.button("Take Bob out of the picture").click()
    assert page.locator(".isg-prompt-chip").count() == 1
    panel.open("characters/bob/generate")
    page.locator(".isg-gallery .isg-tile").first.click()
    dialog.get_by_role("button", name="Take these settings").click()
    page.get_by_role("slider", name="Strength of Ada").wait_for()
    assert page.get_by_role("slider", name="Strength of Bob").input_value() == "0.6"
    assert page.locator("textarea[name=prompt]").input_value() == "at sea"


@pytest.mark.parametrize("language", ["en", "ar"])
def test_several_characters_fit_into_a_sidebar(
    open_panel: Callable[..., Panel], company: Client, language: str
) -> None:
    panel = open_panel(width=200, height=700, language=language)
    panel.open("characters/ada/generate")
    panel.page.locator(".isg-adder").click()
    panel.check_fits()
    panel.check_access()
    panel.page.get_by_role("dialog").locator("button", has_text="Bob").click()
    panel.page.locator("input[name=strength-bob]").wait_for()
    panel.check_fits()
    panel.check_access()
