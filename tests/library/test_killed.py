"""kill -9 at any point of a change: afterwards the library is as before it or as after it, never in between."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from isengard.library import characters, photos, query, trash
from isengard.library.store import Library
from isengard.library.workers import PhotoWorkers
from isengard.tests.architecture.sources import ROOT
from isengard.tests.library.trees import tree
from isengard.tests.media.made import noise, save

SCRIPT = Path(__file__).with_name("killed.py")
ALWAYS = 1_000_000

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL on Windows")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a library of two characters and four photos, and files to add to it."""
    folder = tmp_path_factory.mktemp("filled")
    for number, name in enumerate("abcd"):
        save(folder / "photos" / f"{name}.png", noise((96, 80), number))
        (folder / "photos" / f"{name}.txt").write_text(f"picture {name}\n")
    for number in range(3):
        save(folder / "given" / f"new{number}.jpg", noise((96, 80), 10 + number))
    (folder / "given" / "lora.safetensors").write_bytes(b"weights" * 1000)
    library = Library.open(folder / "library")
    characters.create(library, name="Ada", trigger_word="ohwx")
    characters.create(library, name="Eve", trigger_word="zqx")
    added = list(photos.add(library, "ada", photos.folder_sources(folder / "photos")))
    assert [item.file for item in added] == ["a.png", "b.png", "c.png", "d.png"]
    trash.delete_photos(library, [("ada", "c.png"), ("ada", "d.png")])
    library.close()
    return folder


def run(filled: Path, place: Path, action: str, counts: list[int]) -> list[Path]:
    """Copies of the folder, in which the action was killed at each of the counts, up to the first that came through."""
    copies = [place / str(count) for count in counts]
    for copy in copies:
        shutil.copytree(filled, copy)
    pairs = [word for copy, count in zip(copies, counts, strict=True) for word in (str(copy / "library"), str(count))]
    command = [sys.executable, str(SCRIPT), str(ROOT), action, *pairs]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    codes = done.stdout.split()
    assert done.returncode == 0, done.stderr
    assert set(codes) <= {"0", "-9"}, done.stdout + done.stderr
    return copies[: len(codes)]


def settled(folder: Path) -> dict[str, str]:
    """The library's files after somebody opened it and changed something: what was decided is done, the rest gone."""
    library = Library.open(folder / "library")
    with library.changing():
        pass
    assert not list((library.root / ".journal").iterdir())
    return {name: "" if _named_by_chance(name) else digest for name, digest in tree(library.root).items()}


def _named_by_chance(name: str) -> bool:
    """Files whose content holds the time or a random number."""
    return name.startswith(("trash/", "undo/")) or name.endswith(("character.json", ".json"))


def shape(files: dict[str, str]) -> list[str]:
    """Names and hashes, with the trash's and undo's random numbers left out."""
    shown = []
    for name, digest in files.items():
        parts = name.split("/")
        if parts[0] in ("trash", "undo"):
            parts[1] = "…"
        shown.append(f"{'/'.join(parts)} {digest}")
    return sorted(shown)


def outcomes(
    filled: Path, tmp_path: Path, action: str, points: list[int]
) -> tuple[list[str], list[str], list[list[str]]]:
    """The library before, after, and after a kill at each of the points."""
    found = [shape(settled(copy)) for copy in run(filled, tmp_path, action, [ALWAYS, *points])]
    before = tmp_path / "before"
    shutil.copytree(filled, before)
    return shape(settled(before)), found[0], found[1:]


@pytest.mark.slow
@pytest.mark.parametrize(
    "action",
    ["create", "update", "reject", "caption", "move", "copy", "delete", "delete character", "restore", "register"],
)
def test_a_change_happens_whole_or_not_at_all(filled: Path, tmp_path: Path, action: str) -> None:
    before, after, killed = outcomes(filled, tmp_path, action, [1, 2, 3, 5, 7, 9, 11, 13, 15, 17, 19, 22, 26, 30, 40])
    assert before != after or action == "update"
    for state in killed:
        assert state in (before, after), f"in between: {sorted(set(state) ^ set(after))}"
    assert len(killed) > 3


@pytest.mark.slow
def test_an_import_that_is_killed_leaves_whole_photos_and_can_be_repeated(
    filled: Path, tmp_path: Path, shared_workers: PhotoWorkers
) -> None:
    for copy in run(filled, tmp_path, "add", [3, 8, 12, 16, 20, 24, 28, 34]):
        library = Library.open(copy / "library")
        library.workers, shared_workers._scratch = shared_workers, library.scratch
        page = query.search(library, query.Query(characters=("ada",)))
        for photo in page.photos:
            assert photo.state == "ok"
            assert library.folder("ada").find_image(photo.file)
        assert len(list((library.folder("ada").originals).iterdir())) == page.total
        again = list(photos.add(library, "ada", photos.folder_sources(copy / "given")))
        assert not [item for item in again if item.error]
        assert query.search(library, query.Query(characters=("ada",))).total == 5
        library.connections.close()
