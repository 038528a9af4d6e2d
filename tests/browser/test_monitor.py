"""A training is watched: samples as a grid, the loss chart, what happened in words, what can be asked, how it fails."""

from __future__ import annotations

import os
import re
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from isengard.tests.browser.gestures import draw
from isengard.tests.browser.panel import PATIENCE_MS, Panel
from isengard.tests.web.server import LONG, Client
from isengard.trainer.lock import read_owner

pytestmark = [pytest.mark.browser, pytest.mark.slow]

RARE = {**LONG, "sample_every": 4000, "save_every": 4000}
"""A long one that makes its first samples only, unless it is asked."""


@pytest.fixture
def begin(trained: Client) -> Any:
    """`begin(settings)` starts another training of Ada and gives its id; what still runs afterwards is stopped."""
    made: list[str] = []

    def start(settings: dict[str, Any]) -> str:
        wish = {"character": "ada", "preset": "quick", "family": "mini", "settings": settings, "again": True}
        made.append(trained.post("/training", wish)["id"])
        trained.state(made[-1], "training")
        return made[-1]

    yield start
    for job in made:
        if trained.get(f"/training/{job}")["state"] in ("queued", "preparing", "training"):
            trained.post(f"/training/{job}/cancel")
            trained.state(job, "cancelled", "done")


def columns(panel: Panel) -> list[str]:
    """The steps that the grid has samples of."""
    return [text.strip() for text in panel.page.locator(".isg-samples thead th").all_text_contents()[1:]]


def test_samples_are_a_grid_of_steps_and_prompts(open_panel: Callable[..., Panel], trained: Client) -> None:
    """The slider and the cells choose what is large; arrow keys walk; nothing of it is lost when it is opened again."""
    panel = open_panel()
    page = panel.page
    panel.open("characters/ada/train")
    page.locator(".isg-samples").wait_for()
    assert columns(panel) == ["0", "4", "8", "12"]
    assert page.locator(".isg-samples tbody tr").count() == 2
    said = page.locator(".isg-stage figcaption").first
    assert said.text_content() == "Step 12"
    slider = page.get_by_label("Earlier and later samples")
    slider.focus()
    slider.press("ArrowLeft")
    assert said.text_content() == "Step 8"
    chosen = page.locator(".isg-samples [aria-selected=true] button")
    chosen.press("ArrowLeft")
    chosen.press("ArrowDown")
    assert said.text_content() == "Step 4"
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Step 4: Without Ada: person"
    panel.check_access()
    page.get_by_label("Show large").click()
    dialog = page.get_by_role("dialog")
    page.keyboard.press("ArrowRight")
    dialog.get_by_role("heading", name="Step 8").wait_for()
    panel.check_access()
    page.keyboard.press("Escape")
    panel.open("characters/ada/train")
    page.locator(".isg-samples").wait_for()
    assert columns(panel) == ["0", "4", "8", "12"]


def test_the_loss_is_zoomed_read_and_shown_on_a_log_scale(open_panel: Callable[..., Panel], trained: Client) -> None:
    """A drawn frame zooms, a double click goes back, hovering reads values, buttons do the same for the keyboard."""
    panel = open_panel()
    page = panel.page
    panel.open("characters/ada/train")
    over = page.locator(".isg-chart .u-over")
    over.wait_for()
    over.scroll_into_view_if_needed()
    page.get_by_text(re.compile(r"From [\d.]+ to [\d.]+ in 12 steps")).wait_for()
    panel.wait("[...document.images].every((one) => one.complete || one.loading === 'lazy')")  # nothing moves any more
    box = over.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 40)
    page.get_by_text(re.compile(r"Step \d+: [\d.]+, smoothed [\d.]+")).wait_for()
    whole = page.get_by_role("group", name="Which steps are shown").get_by_role("button", name="All")
    assert whole.get_attribute("aria-pressed") == "true"
    draw(page, (box["x"] + 30, box["y"] + 40), (box["x"] + 120, box["y"] + 60))
    panel.wait("document.querySelector('.isg-chart .isg-chip')?.getAttribute('aria-pressed') === 'false'")
    page.mouse.dblclick(box["x"] + 60, box["y"] + 40)
    panel.wait("document.querySelector('.isg-chart .isg-chip')?.getAttribute('aria-pressed') === 'true'")
    page.get_by_role("button", name="Last half").press("Enter")
    page.get_by_label("Log scale").check()
    page.get_by_label("Raw").uncheck()
    assert page.locator(".isg-chart canvas").count() == 1


def test_what_happened_is_told_in_words(open_panel: Callable[..., Panel], trained: Client) -> None:
    """From reading the photos to the end, in order, for somebody who was away."""
    panel = open_panel()
    panel.open("characters/ada/train")
    panel.page.locator("summary", has_text="What happened").click()
    lines = panel.page.locator(".isg-story li bdi")
    lines.last.get_by_text("The training is done").wait_for()
    told = lines.all_text_contents()
    assert told[:3] == ["Began to read photos and captions.", "Learning began.", "Sample pictures at step 0."]
    assert {"Step 4 was saved.", "Step 8 was saved.", "Step 12 was saved."} <= set(told)
    panel.check_access()


def test_a_sample_and_a_save_are_made_when_asked_for(
    open_panel: Callable[..., Panel], trained: Client, begin: Callable[..., str]
) -> None:
    """Out of turn; both are seen without loading the page again, and the saved step can be picked."""
    job = begin(RARE)
    panel = open_panel()
    panel.open("characters/ada/train")
    panel.page.get_by_text(re.compile(r"Learning, step \d+ of 5,000")).wait_for(timeout=PATIENCE_MS)
    before = len(columns(panel))
    panel.button("Sample now").click()
    panel.wait(f"document.querySelectorAll('.isg-samples thead th').length > {before + 1}")
    panel.button("Save now").click()
    artifacts = f"/jobs/{job}/artifacts"
    trained.until(artifacts, lambda found: any(one["kind"] == "checkpoint" for one in found["artifacts"]))
    panel.check_access()
    panel.step("Pick")
    panel.button("Use this one").wait_for()


def test_a_training_goes_on_while_nobody_looks(
    open_panel: Callable[..., Panel], trained: Client, begin: Callable[..., str]
) -> None:
    """Closed and opened again, the chart has all steps, and the line at the bottom leads back from anywhere."""
    job = begin({**LONG, "sample_every": 50})
    panel = open_panel()
    panel.open("characters/ada/train")
    panel.page.get_by_text(re.compile(r"Learning, step \d+ of 5,000")).wait_for(timeout=PATIENCE_MS)
    panel.page.goto("about:blank")
    trained.until(f"/training/{job}/loss", lambda found: found["seen"] > 60)
    panel.open("setup")
    panel.page.locator(".isg-running a").click()
    panel.page.get_by_text(re.compile(r"From [\d.]+ to [\d.]+ in \d\d+ steps")).wait_for()
    panel.wait("document.querySelectorAll('.isg-samples thead th').length >= 3")
    panel.check_access()


def test_a_trainer_that_dies_is_continued_by_the_button(
    open_panel: Callable[..., Panel], trained: Client, begin: Callable[..., str], place: Path
) -> None:
    """The card says what happened and from which step it goes on."""
    job = begin({**LONG, "save_every": 5})
    artifacts = f"/jobs/{job}/artifacts"
    trained.until(artifacts, lambda found: any(one["kind"] == "checkpoint" for one in found["artifacts"]))
    panel = open_panel()
    panel.open("characters/ada/train")
    owner = read_owner(place / "jobs" / job / "lock")
    assert owner is not None
    os.kill(owner.pid, signal.SIGKILL)
    again = panel.page.get_by_role("button", name=re.compile(r"Continue from step \d+"))
    again.wait_for(timeout=PATIENCE_MS)
    panel.check_access()
    again.click()
    panel.page.get_by_text(re.compile(r"Learning, step \d+ of 5,000")).wait_for(timeout=PATIENCE_MS)


def test_a_failure_says_what_to_do(
    open_panel: Callable[..., Panel], trained: Client, begin: Callable[..., str], place: Path
) -> None:
    """A photo of the job was changed on the disk: message, code, the way to the photos, training again, the bundle."""
    job = begin({**LONG, "save_every": 5})
    trained.post(f"/training/{job}/pause")
    trained.state(job, "paused")
    photos = sorted((place / "jobs" / job / "photos").iterdir())
    content = photos[1].read_bytes()
    photos[0].unlink()  # it may be a link to the library's file, which stays as it is
    photos[0].write_bytes(content)
    shutil.rmtree(place / "jobs" / job / "cache")  # so that it has to be read again
    trained.post(f"/training/{job}/resume")
    trained.state(job, "failed")
    panel = open_panel()
    panel.open("characters/ada/train")
    card = panel.page.locator(".isg-failure")
    card.get_by_text("PHOTO_CHANGED").wait_for()
    panel.check_access()
    assert card.get_by_role("link", name="bundle").count() == 1
    card.get_by_role("button", name="Train again").click()
    panel.page.locator(".isg-preset").first.wait_for()
    panel.button("Back to the last training").click()
    card.get_by_role("button", name="Look at the photos").click()
    panel.page.locator(".isg-photos .isg-tile").first.wait_for()
