"""A picture of every screen in dark and light, into docs/screenshots: `make screenshots`. Plain pytest passes it over.

The library it shows is kept in build/, so that the training is done once.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from isengard.tests.browser.panel import PACK, Panel
from isengard.tests.web.server import Client, Server, running

OUT = PACK / "docs" / "screenshots"
LIBRARY = PACK / "build" / "screenshots"
SETTINGS = {"save_every": 50, "sample_every": 50}
PROMPTS = (
    "{trigger} woman, smiling, looking ahead, wearing a red hoodie, plain teal background, portrait",
    "{trigger} woman, laughing, looking left, wearing a yellow jacket, purple background, warm light, close-up",
    "{trigger} woman, neutral expression, wearing a white shirt, striped blue background, wide shot",
)
SCREENS = {
    "photos": "characters/ada/photos",
    "report": "characters/ada/report",
    "monitor": "characters/ada/train",
    "pick": "characters/ada/pick",
    "generate": "characters/ada/generate",
    "dataset": "dataset",
    "jobs": "jobs",
    "setup": "setup",
    "trash": "trash",
}


@pytest.fixture(scope="module")
def place() -> Path:
    """The library that is shown; instead of one of the test's own."""
    return LIBRARY


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A second server, on a library without anything."""
    yield from running(Server(tmp_path_factory.mktemp("empty") / "library"))


def test_a_picture_of_every_screen(browser: Any, port: int, empty: Server) -> None:
    """Makes what is missing, and goes through all screens."""
    OUT.mkdir(parents=True, exist_ok=True)
    client = Client(port)
    _fill(client)
    nothing = empty.start().port
    for scheme in ("dark", "light"):
        panel = _window(browser, port, scheme)
        for name, address in SCREENS.items():
            panel.open(address)
            if name == "pick":
                panel.page.get_by_text("Likeness").first.wait_for()  # it is measured when somebody looks
            _save(panel, f"{name}-{scheme}")
        panel.open("characters/ada/train")
        panel.button("Train again").click()
        panel.page.locator(".isg-preset").first.wait_for()
        _save(panel, f"train-{scheme}")
        panel.open("characters/ada/photos")
        panel.page.locator(".isg-photos .isg-tile").nth(2).click()
        _save(panel, f"photo-{scheme}")
        panel.open("characters/ada/generate")
        panel.page.locator(".isg-gallery .isg-tile").first.click()
        _save(panel, f"picture-{scheme}")
        panel.open("characters/ada/generate")
        panel.page.locator("summary", has_text="Guides").click()
        _save(panel, f"guides-{scheme}")
        panel.open("jobs")
        panel.page.locator(".isg-job").first.click()
        panel.page.locator("summary", has_text="What happened").click()
        _save(panel, f"job-{scheme}")
        first = _window(browser, nothing, scheme)
        first.open()
        _save(first, f"first-{scheme}")
    for name, address in (("sidebar", "train"), ("sidebar-generate", "generate"), ("sidebar-pick", "pick")):
        panel = _window(browser, port, "dark", width=312)
        panel.open(f"characters/ada/{address}")
        _save(panel, f"{name}-dark")
    for name, address in (("arabic", "report"), ("arabic-monitor", "train")):
        panel = _window(browser, port, "light", width=900, language="ar-EG")
        panel.open(f"characters/ada/{address}")
        _save(panel, f"{name}-light")


def _window(browser: Any, port: int, scheme: str, *, width: int = 1280, language: str = "en-GB") -> Panel:
    context = browser.new_context(
        viewport={"width": width, "height": 860}, color_scheme=scheme, locale=language, reduced_motion="reduce"
    )
    return Panel(context.new_page(), port)


def _save(panel: Panel, name: str) -> None:
    panel.loaded()
    panel.wait("[...document.images].every(image => image.complete || image.loading === 'lazy')")
    panel.page.evaluate("() => new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
    path = OUT / f"{name}.png"
    panel.page.screenshot(path=path)
    with Image.open(path) as picture:  # a palette is enough for flat colours, and a third of the size
        small = picture.convert("RGB").quantize(colors=256, dither=Image.Dither.FLOYDSTEINBERG)
    small.save(path, optimize=True)


def _fill(client: Client) -> None:
    """A character that is trained and has pictures, unless it is there from the last time."""
    client.post("/characters/sample")
    client.until("/characters/ada", lambda found: found["photos"] >= 12)
    wish = {"character": "ada", "preset": "quick", "family": "mini", "settings": SETTINGS}
    job = client.post("/training", wish)["id"]
    client.until(f"/training/{job}", lambda found: found["lora"] or found["state"] == "failed")
    if client.get("/gallery")["total"] == 0:
        for number, prompt in enumerate(PROMPTS):
            body = {"character": "ada", "prompt": prompt, "count": 2, "seed": 7 + number}
            made = client.post("/generate", body)["id"]
            client.until(f"/generate/{made}", lambda found: found["state"] in ("done", "failed"))
        photo = client.get("/images")["photos"][-1]
        client.post("/images/delete", {"photos": [{"character": "ada", "file": photo["file"]}]})
