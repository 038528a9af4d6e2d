"""The panel in a browser: what a person does with it, by the words that a person reads."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

from isengard import settings

PACK = settings.PACK
AXE = PACK / "web" / "panel" / "node_modules" / "axe-core" / "axe.min.js"
PHOTOS = sorted((PACK / "trainer" / "mini" / "character").glob("photo_*"))
PATIENCE_MS = 240_000
"""For what a training or a generation does; only a hanging one needs it."""
SMALL = {
    "steps": "12", "rank": "4", "resolutions": "64", "batch_size": "2", "save_every": "4", "sample_every": "4",
    "sample_prompts": "{trigger} person\nperson", "log_every": "1", "warmup_steps": "2", "sample_steps": "2",
    "sample_width": "64", "sample_height": "64",
}  # fmt: skip
"""Settings of a training of seconds in which everything happens."""
_STAYING = """
const later = window.setTimeout.bind(window)
window.setTimeout = (what, after, ...more) => later(what, [5_000, 10_000].includes(after) ? 120_000 : after, ...more)
"""
"""Messages go by themselves when a person has read them; here they stay, as a test on a busy machine may come late."""


_BROKEN_WORDS = """() => {
  const found = [], walk = document.createTreeWalker(document.querySelector('.isg'), NodeFilter.SHOW_TEXT)
  for (let text; (text = walk.nextNode()); ) {
    if (!text.parentElement.checkVisibility() || text.parentElement.closest('code, bdi, option')) continue
    for (const match of text.data.matchAll(/(?<!\\S)\\p{P}*(\\p{L}{2,9})\\p{P}*(?!\\S)/gu)) {
      const word = match[1], index = match.index + match[0].indexOf(word)
      if (/\\p{Script=Han}/u.test(word)) continue
      const range = document.createRange()
      range.setStart(text, index)
      range.setEnd(text, index + word.length)
      const tops = [...range.getClientRects()].filter(({ width }) => width > 0).map(({ top }) => Math.round(top))
      if (new Set(tops).size > 1) found.push(`${word} in: ${text.data.trim()}`)
    }
  }
  return found
}"""
"""Words of at most nine letters that stand on two lines; Chinese may be broken anywhere, and so may addresses."""


class Panel:
    """One window."""

    def __init__(self, page: Any, port: int) -> None:
        self.page = page
        self.address = f"http://127.0.0.1:{port}/"
        self.complaints: list[str] = []
        self.expected: list[str] = ["&size=thumb"]
        """Parts of complaints that a test brings about: tests are quick enough to delete what is still being loaded."""
        page.set_default_timeout(PATIENCE_MS)
        page.add_init_script(_STAYING)
        page.on("console", lambda message: self._heard(message.type, f"{message.text} {message.location.get('url')}"))
        page.on("pageerror", lambda error: self._heard("error", str(error)))

    def _heard(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and not any(part in text for part in self.expected):
            self.complaints.append(f"{kind}: {text}")

    def open(self, address: str = "") -> None:
        """Loads the page at an address of the panel's own, e.g. `jobs`."""
        self.page.goto(self.address)
        self.page.goto(f"{self.address}#/{address}")
        self.page.wait_for_selector(".isg-main > *")

    def wait(self, truth: str) -> None:
        """Waits until an expression is true. Asked from here: the page's own rules forbid it to evaluate texts."""
        deadline = time.monotonic() + PATIENCE_MS / 1000
        while not self.page.evaluate(truth):
            assert time.monotonic() < deadline, f"this never became true: {truth}"
            time.sleep(0.1)

    def loaded(self) -> None:
        """Waits until no skeleton is shown any more."""
        self.wait("!document.querySelector('.isg-skeleton')")

    def button(self, name: str, *, exact: bool = True) -> Any:
        """The first button of that name."""
        return self.page.get_by_role("button", name=name, exact=exact).first

    def step(self, name: str) -> None:
        """Goes to one of the five steps."""
        self.page.get_by_role("navigation", name="Steps").get_by_role("link", name=re.compile(rf"\b{name}\b")).click()

    def create(self, name: str) -> None:
        """Makes the first character."""
        self.button("Create your first character").click()
        self.page.get_by_label("Name").fill(name)
        self.button("Create").click()
        self.page.get_by_text("Drop photos or a folder here").wait_for()

    def add_photos(self, files: list[Path]) -> None:
        """Picks files; waits until the last photo has its badge."""
        pictures = [file for file in files if file.suffix == ".jpg"]
        self.page.locator("[data-test=photos]").set_input_files([str(file) for file in files])
        self.wait_tiles(len(pictures))

    def set_up_small_training(self) -> None:
        """Changes advanced settings so that a training takes seconds."""
        self.page.locator(".isg-preset").first.wait_for()
        self.page.locator("summary", has_text="Advanced").click()
        for name, value in SMALL.items():
            field = self.page.locator(f".isg-setting [name={name}]")
            field.fill(value)
            field.blur()
        self.page.locator(".isg-setting.changed").first.wait_for()

    def undo(self) -> None:
        """Takes back what was done last."""
        self.page.locator(".isg-toast").get_by_role("button", name="Undo").last.click()

    def tiles(self, within: str = ".isg-photos") -> int:
        """How many pictures are shown."""
        return int(self.page.locator(f"{within} .isg-tile").count())

    def wait_tiles(self, count: int, within: str = ".isg-photos") -> None:
        """Waits until so many are shown."""
        self.wait(f"document.querySelectorAll('{within} .isg-tile').length === {count}")

    def check_access(self, within: str = "html") -> None:
        """Nothing that axe finds wrong for WCAG 2.2 AA."""
        if not self.page.evaluate("typeof axe === 'object'"):
            self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found = self.page.evaluate(
            "(within) => axe.run(within, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']})", within
        )
        told = [
            {
                "rule": one["id"],
                "nodes": [node["html"][:200] + " | " + node["failureSummary"][:300] for node in one["nodes"][:3]],
            }
            for one in found["violations"]
        ]
        assert told == [], json.dumps(told, indent=1)

    def check_fits(self) -> None:
        """Nothing is wider than the window, and no word is broken for it."""
        wide = self.page.evaluate("() => document.scrollingElement.scrollWidth - innerWidth")
        inside = self.page.evaluate(
            "() => { const main = document.querySelector('.isg-main'); return main.scrollWidth - main.clientWidth }"
        )
        assert (wide <= 0, inside <= 0) == (True, True), (
            f"{wide} px beyond the window, {inside} px beyond the main part"
        )
        self.check_words()

    def check_words(self) -> None:
        """No short word stands on two lines."""
        broken = self.page.evaluate(_BROKEN_WORDS)
        assert not broken, broken
