"""All trainings and what became of them: filtered, opened, their logs, files and bundles; and what Setup says."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from isengard.tests.browser.panel import Panel
from isengard.tests.web.server import LONG, Client

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_jobs_are_filtered_opened_deleted_and_brought_back(open_panel: Callable[..., Panel], trained: Client) -> None:
    """By state and by words; a deleted one comes back with Undo."""
    panel = open_panel()
    page = panel.page
    panel.open("jobs")
    rows = page.locator(".isg-list > li")
    rows.first.wait_for()
    assert rows.count() == 1
    page.get_by_role("button", name="Failed", exact=True).click()
    page.get_by_text("No training is like that.").wait_for()
    page.get_by_role("button", name="Done", exact=True).click()
    rows.first.wait_for()
    page.get_by_placeholder("Search trainings").fill("nobody")
    page.keyboard.press("Enter")
    page.get_by_text("No training is like that.").wait_for()
    page.get_by_placeholder("Search trainings").fill("")
    page.keyboard.press("Enter")
    rows.first.wait_for()
    page.get_by_role("button", name="Delete: Ada").click()
    page.get_by_text("The training of Ada is in the trash.").wait_for()
    page.get_by_text("No training is like that.").wait_for()
    panel.undo()
    rows.first.wait_for()
    panel.check_access()


def test_a_training_is_opened_by_its_address_whatever_the_list_shows(
    open_panel: Callable[..., Panel], trained: Client
) -> None:
    """Its name, its files and its buttons are there, and they work, also where a filter leaves it out of the list."""
    panel = open_panel()
    page = panel.page
    panel.open("jobs")
    page.get_by_role("button", name="Failed", exact=True).click()
    page.get_by_text("No training is like that.").wait_for()
    job = trained.get("/jobs")["jobs"][0]["id"]
    page.goto(f"{panel.address}#/jobs/{job}")
    page.get_by_role("heading", name="Ada").last.wait_for()
    page.locator(".isg-main").get_by_role("button", name="Delete").wait_for()
    panel.button("Train again").click()
    panel.wait("location.hash === '#/characters/ada/train'")


def test_a_jobs_log_is_filtered_and_its_files_are_saved(
    open_panel: Callable[..., Panel], trained: Client, tmp_path: Path
) -> None:
    """By level and words; the LoRA and the bundle can be saved, and the bundle holds no photo."""
    panel = open_panel()
    page = panel.page
    panel.open("jobs")
    page.locator(".isg-job").first.click()
    page.locator("summary", has_text="Details and log").click()
    log = page.get_by_role("log")
    log.get_by_text("prepared").wait_for()
    page.locator(".isg-field.inline select").select_option("error")
    log.get_by_text("Nothing to show.").wait_for()
    page.locator(".isg-field.inline select").select_option("debug")
    page.get_by_placeholder("Search the log").fill("prepared")
    page.keyboard.press("Enter")
    panel.wait("document.querySelectorAll('.isg-log li').length === 1")
    panel.check_access()
    with page.expect_download() as saved:
        page.locator("a[href$='.safetensors']").first.click()
    assert Path(saved.value.path()).stat().st_size > 1000
    with page.expect_download() as saved:
        page.get_by_role("link", name="Save a bundle").last.click()
    saved.value.save_as(tmp_path / "bundle.zip")
    names = zipfile.ZipFile(tmp_path / "bundle.zip").namelist()
    assert any(name.endswith("log.jsonl") for name in names)
    assert [name for name in names if name.endswith((".jpg", ".png"))] == []


def test_the_queue_is_put_in_order(open_panel: Callable[..., Panel], trained: Client) -> None:
    """A waiting training says behind how many, and can be made the next one."""
    ids = []
    for number in range(3):
        settings = {**LONG, "seed": number}
        wish = {"character": "ada", "preset": "quick", "family": "mini", "settings": settings}
        ids.append(trained.post("/training", wish)["id"])
    try:
        trained.state(ids[0], "preparing", "training")
        panel = open_panel()
        panel.open("jobs")
        panel.page.get_by_role("button", name="Next in line").click()
        trained.until("/training", lambda found: found["order"][0] == ids[2])
        panel.check_access()
    finally:
        for job in reversed(ids):
            trained.post(f"/training/{job}/cancel")
        for job in ids:
            trained.state(job, "cancelled")


def test_setup_says_what_is_missing_and_where_to_get_it(open_panel: Callable[..., Panel], trained: Client) -> None:
    """Each missing file has its size, its licence, its place and a link; the folders of this machine are named."""
    panel = open_panel()
    page = panel.page
    panel.open("setup")
    page.get_by_role("heading", name="This machine").wait_for()
    system = trained.get("/system")
    page.get_by_text(system["library"], exact=True).wait_for()
    page.get_by_text(system["loras"], exact=True).wait_for()
    missing = [part for model in system["base_models"] for part in model["parts"] if not part["usable"]]
    assert missing, "the server of these tests has no FLUX files"
    for part in missing:
        assert page.locator(f"a[href*='{part['get']}']").count() >= 1
    page.get_by_text("There is no ComfyUI to ask").wait_for()
    for pack in trained.get("/packs")["packs"]:
        assert page.locator(f"a[href='{pack['get']}']").count() == 1
    panel.check_access()
