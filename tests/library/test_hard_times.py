"""Disks that are full or can't be written, and whoever else uses the library."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from isengard.errors import IsengardError
from isengard.library import characters, loras, photos, query, store
from isengard.library.characters import Character
from isengard.library.photos import Source
from isengard.library.store import Library
from isengard.tests.architecture.sources import ROOT
from isengard.tests.library.trees import tree
from isengard.tests.media.made import noise, save

FULL = """
import resource, runpy, sys
from pathlib import Path
runpy.run_path(sys.argv[1] + "/loader.py")["load_package"](Path(sys.argv[1]))
from isengard.errors import IsengardError
from isengard.library import characters, photos
from isengard.library.store import Library
library = Library.open(Path(sys.argv[2]))
sources = photos.folder_sources(Path(sys.argv[3]))
library.workers.count = 1
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[4]), resource.RLIM_INFINITY))
try:
    print([item.error.code if item.error else item.file for item in photos.add(library, "ada", sources)])
    characters.update(library, "ada", {"notes": "x" * 9000})
except IsengardError as problem:
    print(problem.code)
library.close()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no limit on file sizes")
@pytest.mark.parametrize("limit", [4000, 60_000])
def test_a_full_disk_leaves_whole_photos_and_says_so(
    library: Library, ada: Character, tmp_path: Path, limit: int
) -> None:
    for number, side in enumerate((30, 80, 200, 600)):
        save(tmp_path / "given" / f"{number}.png", noise((side + 40, side + 40), number))
    command = [sys.executable, "-c", FULL, str(ROOT), str(library.root), str(tmp_path / "given"), str(limit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert "DISK_FULL" in done.stdout, done.stderr
    page = query.search(library, query.Query(characters=("ada",)))
    assert {photo.state for photo in page.photos} <= {"ok", "unmeasured"}
    folder = library.folder("ada")
    originals = [path.name for path in folder.originals.iterdir()] if folder.originals.is_dir() else []
    assert len(originals) == page.total
    with library.changing():
        pass
    assert not list((library.root / ".journal").iterdir())
    assert not [
        item.error for item in photos.add(library, "ada", photos.folder_sources(tmp_path / "given")) if item.error
    ]


FULL_LATER = """
import resource, runpy, sys
from pathlib import Path
runpy.run_path(sys.argv[1] + "/loader.py")["load_package"](Path(sys.argv[1]))
from isengard.errors import IsengardError
from isengard.library import gallery, loras, photos
from isengard.library.store import Library
root = Path(sys.argv[2])
library = Library.open(root, loras=root.parent / "loras")
resource.setrlimit(resource.RLIMIT_FSIZE, (4000, resource.RLIM_INFINITY))
for action in (
    lambda: photos.move(library, [("ada", "a.jpg")], "eva", copy=True),
    lambda: gallery.add(library, root.parent / "a.png", {}),
    lambda: loras.register(library, "ada", root.parent / "a.png", job="j", step=1, family="mini"),
    lambda: loras.delete(library, "one"),
):
    try:
        action()
    except IsengardError as problem:
        print(problem.code)
library.close()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no limit on file sizes")
def test_whatever_is_copied_a_full_disk_is_told_and_nothing_is_half_done(
    library: Library, ada: Character, tmp_path: Path
) -> None:
    characters.create(library, name="Eva")
    picture = save(tmp_path / "a.png", noise((300, 300)))
    list(photos.add(library, ada.id, [Source(path=save(tmp_path / "a.jpg", noise((300, 300))))]))
    housed = Library(library.root, tmp_path / "loras")
    one = picture.with_name("one.safetensors")
    one.write_bytes(picture.read_bytes() + b"other")
    loras.register(housed, ada.id, one, job="j", step=1, family="mini")
    before = tree(tmp_path)
    command = [sys.executable, "-c", FULL_LATER, str(ROOT), str(library.root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.stdout.split() == ["DISK_FULL"] * 4, done.stderr
    assert tree(tmp_path) == before


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_library_that_is_read_only_can_be_looked_at(library: Library, ada: Character, tmp_path: Path) -> None:
    list(photos.add(library, ada.id, [Source(path=save(tmp_path / "a.png", noise()))]))
    library.root.chmod(0o500)
    try:
        opened = Library.open(library.root)
        assert query.search(opened, query.Query()).total == 1
        with pytest.raises(IsengardError) as caught:
            characters.update(opened, ada.id, {"notes": "x"})
        assert caught.value.code == "FOLDER_NOT_WRITABLE"
    finally:
        library.root.chmod(0o700)


def test_a_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(IsengardError) as caught:
        Library.open(tmp_path / "file" / "library")
    assert caught.value.code == "FOLDER_NOT_WRITABLE"


HOLDER = """
import runpy, sys
from pathlib import Path
runpy.run_path(sys.argv[1] + "/loader.py")["load_package"](Path(sys.argv[1]))
from isengard.library.store import Library
with Library.open(Path(sys.argv[2])).changing():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_lock_is_waited_for_and_ends_with_its_process(
    library: Library, ada: Character, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "PATIENCE", 0.3)
    command = [sys.executable, "-c", HOLDER, str(ROOT), str(library.root)]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(IsengardError) as caught:
        characters.update(library, ada.id, {"notes": "x"})
    assert caught.value.code == "LIBRARY_BUSY"
    assert characters.get(library, ada.id) == ada, "reading needs no lock"
    holder.kill()
    holder.wait()
    assert characters.update(library, ada.id, {"notes": "x"}).notes == "x"
    holder.stdout.close()
    assert holder.stdin
    holder.stdin.close()


def test_an_error_in_the_middle_of_a_change_leaves_nothing(library: Library, ada: Character) -> None:
    before = tree(library.root)

    def fail() -> None:
        with library.changing(ada.id) as change:
            change.write(library.folder(ada.id).images / "a.txt", "x")
            change.remove(library.folder(ada.id).file)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert tree(library.root) == before
    assert not list((library.root / ".journal").iterdir())


def test_a_change_within_a_change_is_a_defect_and_harms_neither(library: Library, ada: Character) -> None:
    """The inner one would clear away what the outer one has put aside."""
    with library.changing(ada.id) as change:
        change.write(library.folder(ada.id).images / "a.txt", "x")
        with pytest.raises(AssertionError):
            characters.update(library, ada.id, {"notes": "x"})
    assert (library.folder(ada.id).images / "a.txt").read_text() == "x"
    assert characters.update(library, ada.id, {"notes": "x"}).notes == "x"
