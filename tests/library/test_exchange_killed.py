"""kill -9, full disks and two at once: a character comes in whole or not at all, an archive is whole or not there."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from isengard.library import exchange, loras, query
from isengard.library.store import Library
from isengard.tests.architecture.sources import ROOT
from isengard.tests.library.exchanged import contents, make_character, repack, weights
from isengard.tests.library.trees import DERIVED, tree
from isengard.tests.media.made import noise, save

SCRIPT = Path(__file__).with_name("exchanging.py")
NEVER = 1_000_000
NO_LIMIT = 2**40

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL on Windows"),
]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an archive of a character, photos, and an empty library."""
    folder = tmp_path_factory.mktemp("filled")
    theirs = Library.open(folder / "theirs")
    make_character(theirs, folder / "given")
    big = weights(folder / "given" / "big.safetensors", 3_000_000)
    loras.register(theirs, "ada-lov", big, job="", step=300, family="mini")
    exchange.export(theirs, "ada-lov", folder / "ada.zip")
    theirs.close()
    for number in range(2):
        save(folder / "photos" / f"{number}.png", noise((96, 80), number))
        (folder / "photos" / f"{number}.txt").write_text(f"picture {number}")
    (folder / "out").mkdir()
    Library.open(folder / "library")
    return folder


def copied(filled: Path, place: Path, *, theirs: bool = False) -> Path:
    """The same again for one try; the library is the empty one, or the one with the character."""
    place.mkdir()
    shutil.copytree(filled / ("theirs" if theirs else "library"), place / "library")
    shutil.copytree(filled / "photos", place / "photos")
    shutil.copyfile(filled / "ada.zip", place / "ada.zip")
    (place / "out").mkdir()
    return place


def command(
    folder: Path,
    action: str,
    count: int = NEVER,
    limit: int = NO_LIMIT,
    inside: bool = False,
    more: tuple[str, ...] = (),
) -> list[str]:
    where = "inside" if inside else "comfy"
    return [sys.executable, str(SCRIPT), str(ROOT), action, str(limit), where, str(folder), str(count), *more]


def start(*arguments: Any, **more: Any) -> subprocess.Popen[str]:
    words = command(*arguments, **more)
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(folder: Path, action: str, count: int = NEVER, limit: int = NO_LIMIT, inside: bool = False) -> str:
    """What the process printed; empty if it was killed."""
    process = start(folder, action, count, limit, inside)
    output, errors = process.communicate(timeout=180)
    assert process.returncode in (0, -9), errors
    return output.strip()


def killed(
    filled: Path, place: Path, action: str, counts: list[int], *, theirs: bool = False, inside: bool = False
) -> list[Path]:
    """Copies of the folder, in which the action was killed at each of the counts unless it had ended by then."""
    folders = [copied(filled, place / str(count), theirs=theirs) for count in counts]
    pairs = [word for folder, count in zip(folders, counts, strict=True) for word in (str(folder), str(count))]
    process = start(folders[0], action, counts[0], inside=inside, more=tuple(pairs[2:]))
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert len(output.split()) == len(folders), output + errors
    return folders


def points(touches: str, tries: int) -> list[int]:
    """Where to kill: spread over all touches, the last ones close together, for there it is decided."""
    total = int(touches)
    return sorted({1, 2, *range(3, total, max(1, total // tries)), *range(max(3, total - 9), total, 4)})


def opened(folder: Path, *, inside: bool = False) -> Library:
    """The library, as whoever comes next finds it: nothing of what was begun is left."""
    library = Library.open(folder / "library", loras=folder / "library" / "loras" if inside else folder / "comfy")
    with library.changing():
        pass
    for place in (".journal", ".scratch"):
        assert not list((library.root / place).glob("*")), place
    return library


def assert_whole_or_nothing(folder: Path, *, inside: bool = False) -> bool:
    """The character is there with all that the archive has, or nothing is. Returns which."""
    library = opened(folder, inside=inside)
    files = tree(library.root)
    outside = {} if inside else tree(folder / "comfy", derived=True)
    if not library.slugs():
        assert set(files) == {"library.json"}
        assert outside == {}
        return False
    exchange.export(library, "ada-lov", folder / "again.zip")
    assert contents(folder / "again.zip") == contents(folder / "ada.zip")
    assert len([path for path in library.loras.iterdir() if path.suffix == ".safetensors"]) == 3
    assert [name for name in outside if not name.endswith(".safetensors")] == []
    return True


@pytest.mark.parametrize("inside", [False, True], ids=["LoRAs in ComfyUI's folder", "LoRAs in the library"])
def test_an_import_that_is_killed_brings_all_or_nothing(filled: Path, tmp_path: Path, inside: bool) -> None:
    first = copied(filled, tmp_path / "first")
    tries = points(run(first, "import", inside=inside), 8)
    assert assert_whole_or_nothing(first, inside=inside)
    came = set()
    for folder in killed(filled, tmp_path, "import", tries, inside=inside):
        came.add(assert_whole_or_nothing(folder, inside=inside))
        shutil.rmtree(folder)
    assert came == {True, False}


def test_an_import_killed_at_any_moment_brings_all_or_nothing(filled: Path, tmp_path: Path) -> None:
    chance = random.Random(7)
    for number in range(4):
        folder = copied(filled, tmp_path / str(number))
        process = start(folder, "import")
        time.sleep(chance.uniform(0.5, 6))
        process.kill()
        process.communicate()
        assert_whole_or_nothing(folder)


def test_photos_made_into_a_character_come_whole_or_not_at_all(filled: Path, tmp_path: Path) -> None:
    first = copied(filled, tmp_path / "first")
    tries = points(run(first, "import photos"), 6)
    came = set()
    for folder in killed(filled, tmp_path, "import photos", tries):
        library = opened(folder)
        came.add(bool(library.slugs()))
        if library.slugs():
            page = query.search(library, query.Query(characters=("photos",)))
            assert {(photo.file, photo.state) for photo in page.photos} == {("0.png", "ok"), ("1.png", "ok")}
        else:
            assert set(tree(library.root)) == {"library.json"}
        shutil.rmtree(folder)
    assert came == {True, False}


def test_an_export_that_is_killed_leaves_a_whole_archive_or_none(filled: Path, tmp_path: Path) -> None:
    first = copied(filled, tmp_path / "first", theirs=True)
    before = tree(first / "library")
    made = set()
    tries = points(run(first, "export", inside=True), 10)
    for folder in killed(filled, tmp_path, "export", tries, theirs=True, inside=True):
        library = opened(folder, inside=True)
        assert tree(library.root) == before
        assert [path.name for path in (folder / "out").iterdir()] in ([], ["ada.zip"])
        made.add((folder / "out" / "ada.zip").exists())
        if (folder / "out" / "ada.zip").exists():
            assert contents(folder / "out" / "ada.zip") == contents(filled / "ada.zip")
        shutil.rmtree(folder)
    assert made == {True, False}


def test_a_dataset_that_is_killed_is_whole_or_not_there(filled: Path, tmp_path: Path) -> None:
    first = copied(filled, tmp_path / "first", theirs=True)
    tries = points(run(first, "dataset", inside=True), 6)
    whole = tree(first / "out", derived=True)
    assert len(whole) == 4
    for folder in killed(filled, tmp_path, "dataset", tries, theirs=True, inside=True):
        opened(folder, inside=True)
        assert tree(folder / "out", derived=True) in ({}, whole)
        assert [path.name for path in (folder / "out").iterdir()] in ([], ["set"])
        shutil.rmtree(folder)


def test_two_imports_at_once_both_arrive(filled: Path, tmp_path: Path) -> None:
    folder = copied(filled, tmp_path / "both")
    processes = [start(folder, "import") for _ in range(3)]
    for process in processes:
        output, errors = process.communicate(timeout=180)
        assert process.returncode == 0, errors
        assert output.strip().isdecimal(), output
    library = opened(folder)
    assert library.slugs() == ["ada-lov", "ada-lov-2", "ada-lov-3"]
    assert len({lora.id for lora in loras.list_all(library)}) == 9
    assert len(list(library.loras.iterdir())) == 9
    for number, slug in enumerate(library.slugs()):
        exchange.export(library, slug, tmp_path / f"{number}.zip", loras=False)
        photos = {name: data for name, data in contents(tmp_path / f"{number}.zip").items() if name != "character.json"}
        theirs = {name: data for name, data in contents(folder / "ada.zip").items() if not name.startswith("loras/")}
        assert photos == {name: data for name, data in theirs.items() if name != "character.json"}


@pytest.mark.parametrize("limit", [20, 3_000, 100_000, 2_000_000])
def test_a_full_disk_stops_an_import_and_leaves_nothing(filled: Path, tmp_path: Path, limit: int) -> None:
    """Files can't grow beyond the limit: at the manifest's journal, at a photo, in a worker, at the weights."""
    folder = copied(filled, tmp_path / "full")
    assert run(folder, "import", limit=limit) == "DISK_FULL"
    assert not assert_whole_or_nothing(folder)
    assert run(folder, "import").isdecimal()
    assert assert_whole_or_nothing(folder)


@pytest.mark.parametrize("limit", [20, 3_000, 2_000_000])
def test_a_full_disk_stops_an_export_and_leaves_nothing(filled: Path, tmp_path: Path, limit: int) -> None:
    """Neither a piece of an archive, nor a piece of a dataset."""
    folder = copied(filled, tmp_path / "full", theirs=True)
    before = tree(folder / "library")
    assert run(folder, "export", limit=limit, inside=True) == "DISK_FULL"
    assert limit > 100_000 or run(folder, "dataset", limit=limit, inside=True) == "DISK_FULL"
    assert tree(opened(folder, inside=True).root) == before
    assert list((folder / "out").iterdir()) == []


def test_what_a_living_process_works_on_is_not_cleared_away(filled: Path, tmp_path: Path) -> None:
    """Opening the library while another process imports leaves that one's folders alone."""
    folder = copied(filled, tmp_path / "live")
    process = start(folder, "import")
    while process.poll() is None:
        Library.open(folder / "library", loras=folder / "comfy")
        time.sleep(0.05)
    output, errors = process.communicate()
    assert output.strip().isdecimal(), output + errors
    assert assert_whole_or_nothing(folder)


@pytest.mark.skipif(sys.platform != "linux", reason="as root, only Linux can be told to heed permissions")
def test_a_library_that_can_only_be_read_is_exported(filled: Path, tmp_path: Path) -> None:
    """Where it is, since nothing can be linked aside; changing it is refused."""
    folder = copied(filled, tmp_path / "read", theirs=True)
    for path in [*(folder / "library").rglob("*"), folder / "library"]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    heeding = "import ctypes, os, sys; ctypes.CDLL(None).prctl(24, 1, 0, 0, 0); os.execv(sys.argv[1], sys.argv[1:])"
    for action in ("export", "dataset", "import"):
        words = [sys.executable, "-c", heeding, *command(folder, action, inside=True)]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=180)
        assert done.returncode == 0, done.stderr
        answer = done.stdout.strip()
        assert answer == "FOLDER_NOT_WRITABLE" if action == "import" else answer.isdecimal(), answer
    assert contents(folder / "out" / "ada.zip") == contents(filled / "ada.zip")
    assert len(tree(folder / "out" / "set")) == 4


def test_the_hostile_leave_no_process_behind(filled: Path, tmp_path: Path) -> None:
    """An archive whose picture breaks the decoder costs that picture."""
    folder = copied(filled, tmp_path / "hostile")
    files = contents(folder / "ada.zip")
    repack(folder / "ada.zip", {**files, "images/b.png": files["images/b.png"][:60] + os.urandom(500)})
    assert run(folder, "import").isdecimal()
    library = opened(folder)
    assert query.search(library, query.Query(characters=("ada-lov",))).total == 2
    assert not [name for name in tree(library.root) if any(part in DERIVED for part in Path(name).parts)]
