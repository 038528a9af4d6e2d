"""What goes wrong around the panel: no network, a server that restarts in the middle, a slow line, two windows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from isengard.tests.browser.holding import Held
from isengard.tests.browser.panel import PATIENCE_MS, Panel
from isengard.tests.web.server import LONG, Client, Server

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LOST = "The connection is lost"
CHANGED = {"character": "ada", "preset": "quick", "family": "mini"}


@pytest.fixture
def job(trained: Client) -> Iterator[str]:
    """A long training that runs; stopped afterwards."""
    wish = {**CHANGED, "settings": {**LONG, "save_every": 5}, "again": True}
    made = trained.post("/training", wish)["id"]
    trained.state(made, "training")
    yield made
    if trained.get(f"/training/{made}")["state"] in ("queued", "preparing", "training"):
        trained.post(f"/training/{made}/cancel")
        trained.state(made, "cancelled")


def learning(panel: Panel) -> None:
    panel.page.get_by_text(re.compile(r"Learning, step \d+ of 5,000")).wait_for(timeout=PATIENCE_MS)


def test_offline_nothing_is_lost_and_everything_comes_back(open_panel: Callable[..., Panel], trained: Client) -> None:
    """It says so, a click that can't be carried out says why, and what others did meanwhile is shown afterwards."""
    panel = open_panel()
    panel.expected += ["net::ERR_"]
    page = panel.page
    panel.open("characters/ada/generate")
    page.locator("textarea[name=prompt]").fill("by the sea")
    page.context.set_offline(True)
    page.get_by_role("button", name="Generate", exact=True).click()
    page.locator(".isg-toast", has_text="The server does not answer.").wait_for()
    assert page.locator("textarea[name=prompt]").input_value() == "by the sea"
    panel.step("Photos")
    page.locator(".isg-failure", has_text="The server does not answer.").or_(
        page.locator(".isg-photos .isg-tile")
    ).first.wait_for()
    photo = trained.get("/characters/ada/images")["photos"][0]["file"]
    trained.post("/images/delete", {"photos": [{"character": "ada", "file": photo}]})
    page.context.set_offline(False)
    page.get_by_text(LOST).wait_for(state="hidden", timeout=PATIENCE_MS)
    panel.wait_tiles(trained.get("/characters/ada")["photos"])


def test_a_server_that_restarts_in_the_middle_of_a_training(
    open_panel: Callable[..., Panel], trained: Client, job: str, server: Server
) -> None:
    """The panel tells that the connection is lost, then where the training stopped, and one button goes on with it."""
    panel = open_panel()
    panel.expected += ["net::ERR_", "status of 503", "status of 502"]
    panel.open("characters/ada/train")
    learning(panel)
    trained.until(f"/training/{job}", lambda found: found["step"] >= 5)
    server.kill()
    panel.page.get_by_text(LOST).wait_for()
    server.arguments = ("--port", str(trained.port))
    server.start()
    panel.page.get_by_text(LOST).wait_for(state="hidden", timeout=PATIENCE_MS)
    again = panel.page.get_by_role("button", name=re.compile(r"Continue from step \d+"))
    again.wait_for(timeout=PATIENCE_MS)
    panel.check_access()
    again.click()
    learning(panel)


def test_a_slow_line_shows_what_is_coming_and_mixes_nothing_up(
    open_panel: Callable[..., Panel], trained: Client
) -> None:
    """Shapes first, then what is there; somebody who goes on before it has come sees the place they went to."""
    panel = open_panel()
    page = panel.page
    panel.open("")
    slow = {"offline": False, "latency": 600, "downloadThroughput": 60_000, "uploadThroughput": 30_000}
    session: Any = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.emulateNetworkConditions", slow)
    held = Held(page, "/isengard/")  # what it asks for waits until the shapes were seen
    page.goto(f"{panel.address}#/characters/ada/pick")
    page.locator(".isg-skeleton").first.wait_for()
    held.let_go()
    page.locator(".isg-pick-steps tbody tr").first.wait_for()
    panel.step("Photos")
    panel.step("Report")
    panel.step("Generate")
    page.locator("textarea[name=prompt]").wait_for()
    panel.loaded()
    assert page.locator(".isg-photos").count() == 0
    assert page.locator(".isg-steps [aria-current]").text_content().strip().endswith("Generate")
    page.locator("summary", has_text="Advanced").click()
    page.locator("input[name=steps]").fill("2")
    page.locator("input[name=count]").fill("1")
    go = page.get_by_role("button", name="Generate", exact=True)
    before = trained.get("/gallery?character=ada")["total"]
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.method == "POST" else None)
    go.dblclick()
    trained.until("/gallery?character=ada", lambda found: found["total"] > before)
    page.locator(".isg-gallery .isg-tile img").first.wait_for()
    assert [url.rpartition("/")[2] for url in asked] == ["generate"], "a double click asks once"


def test_two_windows_of_one_training(open_panel: Callable[..., Panel], job: str) -> None:
    """Paused in one, it is paused in the other; going on in the other is seen in the first."""
    one, other = open_panel(), open_panel(width=320)
    for panel in (one, other):
        panel.open("characters/ada/train")
        learning(panel)
    one.button("Pause").click()
    for panel in (one, other):
        panel.page.get_by_text(re.compile(r"Paused at step \d+")).wait_for(timeout=PATIENCE_MS)
    other.page.get_by_role("button", name=re.compile(r"Continue from step \d+")).click()
    for panel in (one, other):
        learning(panel)
