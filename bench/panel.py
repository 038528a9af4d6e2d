"""How soon the panel shows something, and how smoothly thousands of photos scroll, in a real Chromium.

    python bench/panel.py [--photos 10000] [--characters 50] [--rounds 5] [--json FILE]

The library is that of bench/library.py: one small picture under many names. The server is `python . serve` in a process
of its own, warmed up by one visit, as somebody's is who opens the panel for the second time; every visit begins with an
empty browser cache. Painting is what the browser itself notes (`first-contentful-paint`); the first photo is there when
its bytes are (the end of its entry in the resource timing), and drawn in the frame after. Scrolling goes through the
dataset manager by wheel for some seconds; a frame that comes more than one and a half intervals after the one before is
late, and what it missed is counted as dropped. Needs the panel built and Chromium.
"""

from __future__ import annotations

import argparse
import json
import runpy
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

PACK = Path(__file__).resolve().parent.parent
runpy.run_path(str(PACK / "loader.py"))["load_package"](PACK)

import psutil  # noqa: E402
from playwright.sync_api import Page, sync_playwright  # noqa: E402

from isengard.library import characters  # noqa: E402
from isengard.library.store import Library  # noqa: E402

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_FIRST_PHOTO_MS = """() => {
    const photos = performance.getEntriesByType('resource').filter(entry => entry.name.includes('size=thumb'))
    return photos.length ? Math.min(...photos.map(entry => entry.responseEnd)) : 0
}"""
_PAINT_MS = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"
_WATCH_FRAMES = """() => {
    const watched = 'frames_seen' in window
    window.frames_seen = []
    window.long_tasks = 0
    if (watched) return
    new PerformanceObserver(list => {
        for (const task of list.getEntries()) window.long_tasks += task.duration
    }).observe({type: 'longtask'})
    const tick = now => {
        window.frames_seen.push(now)
        requestAnimationFrame(tick)
    }
    requestAnimationFrame(tick)
}"""
_SCROLL_STEPS = 120
_SCROLL_PIXELS = 600


def main(argv: list[str]) -> int:
    """Makes the library, visits it, prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=10_000)
    parser.add_argument("--characters", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="isengard-bench-") as folder:
        root = Path(folder) / "library"
        slug = make_library(root, options.photos, options.characters)
        with serving(root) as address:
            figures = visits(address, slug, options.rounds)
    for name, value in figures.items():
        print(f"{name:58} {value:10.1f}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0


def make_library(root: Path, count: int, people: int) -> str:
    """Photos of many characters; one of them is named, to be opened."""
    library = Library.open(root)
    for number in range(people):
        characters.create(library, name=f"Person {number:03d}", trigger_word=f"zq{number:03d}x")
    runpy.run_path(str(PACK / "bench" / "library.py"))["fill"](library, count)
    slug = library.slugs()[0]
    library.close()
    return slug


@contextmanager
def serving(root: Path) -> Iterator[str]:
    """The address of a server on that library."""
    command = [sys.executable, str(PACK), "serve", "--root", str(root), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            assert process.stdout is not None
            line = next(line for line in process.stdout if "Isengard is at" in line)
            yield line.split()[-1]
        finally:
            process.terminate()
            process.communicate()


def visits(address: str, slug: str, rounds: int) -> dict[str, float]:
    """Milliseconds until something and until a photo is seen, by place, and how scrolling went."""
    program = next(path for name in _NAMES if (path := shutil.which(name)))
    places = {"home": "#/", "a character's photos": f"#/characters/{slug}/photos", "dataset manager": "#/dataset"}
    figures: dict[str, float] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage"])

        def visit(place: str) -> tuple[float, float]:
            with _page(browser) as page:
                page.goto(address + place)
                page.locator("img[src*='size=thumb']").first.wait_for()
                page.wait_for_load_state("networkidle") if place == "#/" else page.wait_for_timeout(1500)
                return page.evaluate(_PAINT_MS), page.evaluate(_FIRST_PHOTO_MS)

        visit("#/dataset")
        for name, place in places.items():
            paints, photos = zip(*(visit(place) for _ in range(rounds)), strict=True)
            figures[f"{name}: first contentful paint, ms"] = statistics.median(paints)
            figures[f"{name}: the slowest of these, ms"] = max(paints)
            figures[f"{name}: first photo, ms"] = statistics.median(photos)
        with _page(browser) as page:
            page.goto(f"{address}#/dataset")
            page.locator(".isg-virtual img").first.wait_for()
            figures |= scrolling(page)
        browser.close()
    load = psutil.getloadavg()[0]
    return {**figures, "load of the machine at the end (1 minute)": load, "cores": float(psutil.cpu_count() or 0)}


def scrolling(page: Page) -> dict[str, float]:
    """Wheels through the grid, first where nothing was loaded yet, then back where all was."""
    figures = {}
    page.mouse.move(700, 600)
    for name, way in (("down, loading", 1), ("back up", -1)):
        page.evaluate(_WATCH_FRAMES)
        for _ in range(_SCROLL_STEPS):
            page.mouse.wheel(0, way * _SCROLL_PIXELS)
            page.wait_for_timeout(16)
        frames = page.evaluate("() => window.frames_seen")
        gaps = [later - one for one, later in pairwise(frames)]
        usual = statistics.median(gaps)
        missed = sum(round(gap / usual) - 1 for gap in gaps if gap > 1.5 * usual)
        figures[f"scrolling {name}: frames drawn"] = float(len(gaps))
        figures[f"scrolling {name}: frames dropped"] = float(missed)
        figures[f"scrolling {name}: the longest frame, ms"] = max(gaps)
        figures[f"scrolling {name}: long tasks together, ms"] = page.evaluate("() => window.long_tasks")
        figures[f"scrolling {name}: tiles that exist"] = float(page.locator(".isg-virtual .isg-tile").count())
    return figures


@contextmanager
def _page(browser: Any) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1300, "height": 860})
    try:
        yield context.new_page()
    finally:
        context.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
