"""One checkpoint is picked: looked at large, compared at several strengths, chosen, and given back."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from isengard.tests.browser.panel import PATIENCE_MS, Panel
from isengard.tests.web.server import Client

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def chosen(client: Client) -> str:
    return str(client.get("/characters/ada")["lora"])


def test_a_checkpoint_is_looked_at_beside_a_photo(open_panel: Callable[..., Panel], trained: Client) -> None:
    """Rows are steps, columns prompts; large, the arrow keys walk through both."""
    panel = open_panel()
    page = panel.page
    panel.open("characters/ada/pick")
    rows = page.locator(".isg-pick-steps tbody tr")
    rows.nth(3).wait_for()
    assert [text.strip() for text in page.locator(".isg-pick-steps tbody th strong").all_text_contents()] == [
        "Before", "4", "8", "12",
    ]  # fmt: skip
    assert rows.first.get_by_role("button", name="Use this one").count() == 0, "the plain model can't be chosen"
    assert page.locator(".isg-pinned img").count() == 6
    rows.nth(1).locator("td button").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("heading", name="Step 4").wait_for()
    assert dialog.locator("img").count() == 2
    page.keyboard.press("ArrowRight")
    dialog.get_by_role("heading", name="Step 8").wait_for()
    page.keyboard.press("ArrowDown")
    dialog.get_by_text("Without Ada: person").wait_for()
    panel.check_access()
    page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")


def test_the_choice_is_kept_by_the_server_and_taken_back(open_panel: Callable[..., Panel], trained: Client) -> None:
    """Every page, here and elsewhere, knows it; Undo brings the one before."""
    panel, other = open_panel(), open_panel()
    for one in (panel, other):
        one.open("characters/ada/pick")
        one.page.locator(".isg-pick-steps tbody tr").nth(3).wait_for()
    panel.page.locator(".isg-pick-steps tbody tr").nth(2).get_by_role("button", name="Use this one").press("Enter")
    panel.page.get_by_text("The checkpoint of step 8 is in use.").wait_for()
    steps = {lora["id"]: lora["step"] for lora in trained.get("/loras?character=ada")["loras"]}
    assert steps[chosen(trained)] == 8
    other.wait("document.querySelectorAll('.isg-pick-steps tr.chosen')[0]?.textContent.includes('In use')")
    other.wait("document.querySelector('.isg-pick-steps tr.chosen strong')?.textContent.trim() === '8'")
    panel.undo()
    panel.wait("document.querySelector('.isg-pick-steps tr.chosen strong')?.textContent.trim() === '12'")
    assert chosen(trained) == ""


def test_checkpoints_are_compared_at_strengths_with_one_seed(open_panel: Callable[..., Panel], trained: Client) -> None:
    """Each is made once; they are there again after the page was closed, and in the gallery."""
    panel = open_panel()
    page = panel.page
    panel.open("characters/ada/pick")
    page.locator("summary", has_text="Compare at other strengths").click()
    compare = page.locator(".isg-compare")
    assert compare.locator("tbody tr").count() == 2
    compare.get_by_role("button", name="× 1.2").click()
    compare.get_by_role("button", name="× 0.8").click()
    used = trained.get("/loras?character=ada")["loras"][0]
    compare.get_by_role("button", name="Make 4 pictures").click()
    panel.wait("document.querySelectorAll('.isg-compare td img').length === 4")
    pictures = trained.get("/gallery?character=ada")["pictures"]
    assert {one["settings"]["seed"] for one in pictures} == {7}
    assert sorted(one["settings"]["loras"][0]["strength"] for one in pictures) == [1.0, 1.0, 1.2, 1.2]
    assert len({one["settings"]["loras"][0]["lora"] for one in pictures}) == 2
    assert (chosen(trained), used["step"]) == (used["id"], 12), "looking changes nothing about what is in use"
    panel.check_access()
    compare.locator("td button").first.click()
    page.get_by_role("dialog").get_by_role("heading", name="Step 8 · Strength 1.0").wait_for()
    page.keyboard.press("Escape")
    panel.open("characters/ada/pick")
    page.locator("summary", has_text="Compare at other strengths").click()
    page.locator(".isg-compare td img").first.wait_for()
    assert page.locator(".isg-compare").get_by_role("button", name=re.compile("Make 2 pictures")).count() == 1


def test_a_lora_that_nobody_needs_is_deleted_and_brought_back(
    open_panel: Callable[..., Panel], trained: Client
) -> None:
    """Deleting it from the list takes it from the character, Undo gives it back."""
    panel = open_panel()
    panel.open("characters/ada/pick")
    summary = panel.page.locator("summary", has_text=re.compile(r"\d LoRAs? of this character"))
    summary.click(timeout=PATIENCE_MS)
    before = len(trained.get("/loras?character=ada")["loras"])
    panel.page.get_by_role("button", name=re.compile("^Delete: ")).last.click()
    panel.page.get_by_text("The LoRA is in the trash.").wait_for()
    assert len(trained.get("/loras?character=ada")["loras"]) == before - 1
    panel.undo()
    trained.until("/loras?character=ada", lambda found: len(found["loras"]) == before)
