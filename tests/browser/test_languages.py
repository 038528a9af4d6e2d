"""What the server says reaches a German reader in German: errors, a plan's cautions, a report's advice, reasons."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from isengard.tests.browser import pictures
from isengard.tests.browser.panel import Panel
from isengard.tests.web.server import Client

pytestmark = [pytest.mark.browser, pytest.mark.slow]
Open = Callable[..., Panel]
ENGLISH = re.compile(r"\b(the|and|is|are|of|with|not|this|your|photos|needs|was not)\b", re.IGNORECASE)
"""Words that no German sentence of the panel has, and no name in it."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Photos, good and spoiled, and a file that is none."""
    return pictures.spoiled(tmp_path_factory.mktemp("photos"))


@pytest.fixture(scope="module")
def mara(trained: Client, files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Client:
    """Asks a server with a second character, whose photos are meant for a base model that is not there."""
    trained.post("/characters", {"name": "Mara", "trigger_word": "mqarv", "class_word": "woman"})
    good = pictures.faces(tmp_path_factory.mktemp("good"), 3)
    pictures.upload(trained.port, "mara", [*good, files["blurred"], files["dark"]])
    assert trained.ask("PATCH", "/characters/mara", {"family": "flux1-dev"}).status == 200
    trained.until("/characters/mara/report", lambda found: not found["waiting"])
    return trained


def sentences(answer: Any) -> Iterator[str]:
    """Every English sentence in an answer."""
    if isinstance(answer, dict):
        for name, value in answer.items():
            if name in ("message", "hint", "reason") and isinstance(value, str) and " " in value:
                yield value
            yield from sentences(value)
    elif isinstance(answer, list):
        for value in answer:
            yield from sentences(value)


def check_german(panel: Panel, *answers: Any) -> None:
    """None of what the server said stands on the page, nor any other English; what is folded away is not looked at."""
    said = {sentence for answer in answers for sentence in sentences(answer)}
    assert said, "the server said nothing"
    shown = panel.page.locator("body").inner_text()
    assert [sentence for sentence in said if sentence in shown] == []
    assert [line for line in shown.splitlines() if ENGLISH.search(line)] == []


def test_a_plan_says_in_german_what_speaks_against_it(open_panel: Open, mara: Client) -> None:
    """The obstacle has its sentence and keeps the exact words folded; cautions are said with their numbers."""
    panel = open_panel(language="de", height=1200)
    page = panel.page
    panel.open("characters/mara/train")
    page.get_by_text("Keine NVIDIA-Grafikkarte gefunden; ohne sie dauert FLUX.1-dev Wochen.").wait_for()
    assert page.get_by_text(re.compile(r"Das Training braucht etwa [\d,.]+\sGiB Speicher, frei sind")).count() == 1
    page.get_by_text("Es fehlt eine Datei des Grundmodells.").wait_for()
    plan = mara.post("/training/plan", {"character": "mara", "preset": "quick", "family": "flux1-dev"})
    assert {one["code"] for one in plan["cautions"]} == {"GPU_MISSING", "MEMORY_SHORT"}
    check_german(panel, plan)
    page.locator(".isg-exact summary").click()
    exact = page.locator(".isg-exact p")
    assert exact.inner_text() == f"{plan['obstacles'][0]['message']} {plan['obstacles'][0]['hint']}"
    assert exact.get_attribute("lang") == "en"
    panel.check_access()


def test_a_report_advises_in_german(open_panel: Open, mara: Client) -> None:
    """Findings, advice, and what was not measured."""
    panel = open_panel(language="de", dark=False, height=1200)
    page = panel.page
    panel.open("characters/mara/report")
    page.get_by_text(re.compile(r"^Noch \d+ gute Fotos würden am meisten helfen")).wait_for()
    while (folded := page.locator(".isg-main details:not([open]) > summary")).count():
        folded.first.click()
    page.get_by_text(re.compile(r"wurde nicht gemessen|wurden nicht gemessen")).first.wait_for()
    check_german(panel, mara.get("/characters/mara/report"))


def test_guides_say_in_german_why_they_are_off(open_panel: Open, trained: Client) -> None:
    """Each has its reason."""
    panel = open_panel(language="de", height=1200)
    page = panel.page
    panel.open("characters/ada/generate")
    page.locator(".isg-guides > summary").click()
    page.get_by_text("Das braucht ComfyUI mit dem Impact Pack und dessen Subpack.").wait_for()
    check_german(panel, trained.get("/generators?family=mini"))


def test_what_goes_wrong_is_said_in_german(open_panel: Open, mara: Client, files: dict[str, Path]) -> None:
    """A file that is no photo, told with its name; and what is gone from the trash, in a message."""
    panel = open_panel(language="de")
    page = panel.page
    panel.open("characters/mara/photos")
    page.locator("[data-test=photos]").set_input_files([str(files["broken"])])
    page.get_by_text("broken.jpg ist beschädigt oder abgeschnitten.").wait_for()
    check_german(panel, {"message": "broken.jpg is damaged or cut short."})
    assert mara.ask("DELETE", "/characters/mara/images/dark.jpg").status == 200
    page.route("**/isengard/events", lambda route: route.abort())  # the page must not hear that it is gone
    panel.expected.append("/isengard/events")
    panel.open("trash")
    page.reload()
    page.locator(".isg-list li").first.wait_for()
    mara.post("/trash/empty", {"trash": None})
    panel.expected.append("404")
    page.locator(".isg-list").get_by_role("button", name="Zurückholen").first.click()
    page.locator(".isg-toast").get_by_text("Das liegt nicht mehr im Papierkorb.").wait_for()
    missing = mara.ask("POST", "/trash/0123456789abcdef/restore").json()["error"]
    assert missing["code"] == "TRASH_MISSING"
    check_german(panel, missing)
    toast = page.locator(".isg-toast")
    toast.locator(".isg-exact summary").click()
    assert toast.locator(".isg-exact p").inner_text().startswith("Nothing in the trash has the number")
