"""How quick the library is: 10,000 photos in 50 characters listed and indexed anew, and large photos taken in.

    python bench/library.py [--photos 10000] [--characters 50] [--large 200] [--json FILE]

The many photos are one small picture under many names, with measurements, captions and records of their own: lists
don't depend on what the pictures show. The large ones are different 12-megapixel JPEGs, which go the whole way:
decoded, scaled, measured, written.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import runpy
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

PACK = Path(__file__).resolve().parent.parent
runpy.run_path(str(PACK / "loader.py"))["load_package"](PACK)

import numpy as np  # noqa: E402
import psutil  # noqa: E402
from PIL import Image  # noqa: E402

from isengard.library import characters, photos, query  # noqa: E402
from isengard.library.photos import Source  # noqa: E402
from isengard.library.query import Query  # noqa: E402
from isengard.library.store import Library  # noqa: E402


def main(argv: list[str]) -> int:
    """Runs both parts and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=10_000)
    parser.add_argument("--characters", type=int, default=50)
    parser.add_argument("--large", type=int, default=200)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(argv)
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="isengard-bench-") as folder:
        figures |= listing(Path(folder) / "many", options.photos, options.characters)
        figures |= taking_in(Path(folder) / "large", options.large)
    for name, value in figures.items():
        print(f"{name:44} {value:10.2f}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0


def listing(root: Path, count: int, people: int) -> dict[str, float]:
    """Milliseconds of lists over many photos, and seconds to index them anew."""
    library = Library.open(root)
    for number in range(people):
        characters.create(library, name=f"Person {number:03d}", trigger_word=f"zq{number:03d}x")
    fill(library, count)
    seconds = _seconds(lambda: query.search(library, Query()))
    for ending in ("", "-wal", "-shm"):
        library.index_file.with_name(library.index_file.name + ending).unlink(missing_ok=True)
    again = _seconds(lambda: query.search(library, Query()))
    library = Library.open(root)
    first = _seconds(lambda: query.search(library, Query(limit=100)))
    slug = library.slugs()[-1]
    figures = {
        "photos": float(count),
        "index from nothing, s": min(seconds, again),
        "first list of a new process, ms": first * 1000,
    }
    for name, asked in {
        "a page of 100, ms": Query(),
        "a page sorted by findings, ms": Query(sort="findings", descending=True),
        "words in captions, ms": Query(text="park number"),
        "one character, ms": Query(characters=(slug,)),
        "a finding, ms": Query(findings=("too_small",)),
    }.items():
        search = functools.partial(query.search, library, asked)
        figures[name] = 1000 * statistics.median(_seconds(search) for _ in range(9))
    figures["a photo changed by hand, then a list, ms"] = 1000 * _touched(library, slug)
    library.close()
    return figures


def taking_in(root: Path, count: int) -> dict[str, float]:
    """Photos a second and the most memory while 12-megapixel photos are added."""
    given = root / "given"
    given.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(count):
        _large(rng).save(given / f"photo{number}.jpg", quality=90)
    library = Library.open(root / "library")
    characters.create(library, name="Ada", trigger_word="ohwx")
    list(photos.add(library, "ada", [Source(path=given / "photo0.jpg", title="warm-up")]))
    peak = _Peak()
    start = time.perf_counter()
    done = sum(not item.error for item in photos.add(library, "ada", photos.folder_sources(given)))
    seconds = time.perf_counter() - start
    memory = peak.stop()
    library.close()
    return {
        "12-megapixel photos": float(done),
        "added a second": done / seconds,
        "most memory of all processes, MB": memory,
    }


def fill(library: Library, count: int) -> None:
    """Copies one photo's files, with a caption and a measurement of their own."""
    slugs = library.slugs()
    rng = np.random.default_rng(1)
    picture = library.root / "one.jpg"
    Image.fromarray(rng.integers(0, 255, (96, 96, 3), dtype=np.uint8)).save(picture)
    (added,) = photos.add(library, slugs[0], [Source(path=picture)])
    model = library.folder(slugs[0])
    record = json.loads(model.record(added.file).read_text(encoding="utf-8"))
    measured = json.loads((model.measured / f"{added.file}.json").read_text(encoding="utf-8"))
    image = model.images / added.file
    for number in range(count - 1):
        folder = library.folder(slugs[number % len(slugs)])
        for place in (folder.images, folder.records, folder.measured):
            place.mkdir(parents=True, exist_ok=True)
        file = f"photo-{number:05d}.jpg"
        shutil.copy2(image, folder.images / file)
        (folder.images / file).with_suffix(".txt").write_text(
            f"in a park, number {number}, smiling\n", encoding="utf-8"
        )
        folder.record(file).write_text(json.dumps({**record, "original": "", "title": file}), encoding="utf-8")
        measured["measures"]["fingerprint"] = rng.bytes(len(measured["measures"]["fingerprint"]) // 2).hex()
        (folder.measured / f"{file}.json").write_text(json.dumps(measured), encoding="utf-8")


def _large(rng: np.random.Generator) -> Image.Image:
    """Something like a photo: soft shapes with grain, 4000 × 3000."""
    coarse = Image.fromarray(rng.integers(0, 255, (30, 40, 3), dtype=np.uint8)).resize(
        (4000, 3000), Image.Resampling.BICUBIC
    )
    grain = Image.fromarray(rng.integers(0, 255, (750, 1000, 3), dtype=np.uint8)).resize((4000, 3000))
    return Image.blend(coarse, grain, 0.08)


def _touched(library: Library, slug: str) -> float:
    caption = next(library.folder(slug).images.glob("*.txt"))
    replacement = caption.with_suffix(".new")
    replacement.write_text("changed by hand", encoding="utf-8")
    replacement.replace(caption)
    return _seconds(lambda: query.search(library, Query(text="changed by hand")))


def _seconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


class _Peak:
    """The most memory that this process and its children hold together, looked at twenty times a second."""

    def __init__(self) -> None:
        self._most = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> float:
        """Megabytes."""
        self._over.set()
        self._thread.join()
        return self._most / 1e6

    def _watch(self) -> None:
        me = psutil.Process(os.getpid())
        while not self._over.wait(0.05):
            held = 0
            for process in (me, *me.children(recursive=True)):
                try:
                    held += process.memory_info().rss
                except psutil.Error:
                    continue
            self._most = max(self._most, held)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
