"""What was deleted: brought back, or deleted for good after a question, one thing alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from isengard.tests.browser.panel import Panel
from isengard.tests.web.server import Client

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def thrown_away(port: int) -> Client:
    """A library with two characters in the trash."""
    client = Client(port)
    for name in ("Ada", "Bob"):
        made = client.post("/characters", {"name": name})["id"]
        client.ask("DELETE", f"/characters/{made}")
    return client


def test_one_thing_is_deleted_for_good_and_the_other_brought_back(
    open_panel: Callable[..., Panel], thrown_away: Client
) -> None:
    """It is asked for once more, with the way out first; by keyboard alone."""
    panel = open_panel()
    page = panel.page
    panel.open("trash")
    page.get_by_role("button", name="Delete for good: Ada").press("Enter")
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Ada will be deleted for good and can't be brought back.").wait_for()
    panel.check_access()
    page.keyboard.press("Enter")
    dialog.wait_for(state="hidden")
    assert len(thrown_away.get("/trash")["entries"]) == 2
    page.keyboard.press("Enter")
    dialog.get_by_role("button", name="Delete for good").press("Enter")
    dialog.wait_for(state="hidden")
    page.get_by_text("1 entry is gone for good.").wait_for()
    assert [entry["label"] for entry in thrown_away.get("/trash")["entries"]] == ["Bob"]
    panel.wait("document.activeElement.textContent === 'Trash'")
    page.get_by_role("button", name="Restore").click()
    page.get_by_text("Bob is back.").wait_for()
    page.get_by_text("The trash is empty.").wait_for()
    assert [one["name"] for one in thrown_away.get("/characters")["characters"]] == ["Bob"]


@pytest.mark.parametrize("language", ["en", "de", "zh", "ar"])
def test_the_question_fits_into_a_sidebar(open_panel: Callable[..., Panel], thrown_away: Client, language: str) -> None:
    thrown_away.ask("DELETE", "/characters/bob")
    panel = open_panel(width=200, height=700, language=language)
    panel.open("trash")
    panel.page.locator(".isg-list .isg-icon-button").first.click()
    panel.page.get_by_role("dialog").wait_for()
    panel.check_fits()
    panel.check_access()
    thrown_away.post("/characters/bob/restore")
