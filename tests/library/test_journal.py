"""What a journal asks for is done inside the library and nowhere else."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from isengard.errors import IsengardError
from isengard.library.store import Library
from isengard.tests.library.trees import tree


@pytest.mark.parametrize(
    "steps",
    [
        {"moves": [["<staged>/1", "../mine.txt", True]], "removed": []},
        {"moves": [["<staged>/1", "characters/../../mine.txt", True]], "removed": []},
        {"moves": [["<staged>/1", "{root}/mine.txt", True]], "removed": []},
        {"moves": [["<staged>/1", "characters/out/mine.txt", True]], "removed": []},
        {"moves": [["<staged>/../../../../mine.txt", "characters/a.txt", True]], "removed": []},
        {"moves": [["../mine.txt", "characters/a.txt", False]], "removed": []},
        {"moves": [], "removed": ["../mine.txt"]},
        {"moves": [], "removed": ["{root}/mine.txt"]},
        {"moves": [], "removed": ["characters/out/mine.txt"]},
        {"moves": [["a"]], "removed": []},
        {"moves": 5},
        [],
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="links need leave there")
def test_a_library_from_a_stranger_changes_nothing_outside(tmp_path: Path, steps: object) -> None:
    """An unfinished change in it may name any path."""
    library = Library.open(tmp_path / "library")
    (library.characters / "out").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "mine.txt").write_text("mine")
    decided = library.root / ".journal" / "1.decided"
    decided.mkdir(parents=True)
    (decided / "1").write_text("theirs")
    (decided / "steps.json").write_text(json.dumps(steps).replace("{root}", str(tmp_path)))
    before = tree(tmp_path)
    Library.open(tmp_path / "library")
    assert (tmp_path / "mine.txt").read_text() == "mine"
    with pytest.raises(IsengardError) as caught, library.changing():
        pass
    assert caught.value.code == "LIBRARY_CORRUPT"
    assert "steps.json" in caught.value.message
    assert tree(tmp_path) == before


@pytest.mark.skipif(sys.platform == "win32", reason="links need leave there")
def test_a_folder_that_was_moved_to_a_larger_disk_is_written_through_its_link(tmp_path: Path) -> None:
    library = Library.open(tmp_path / "library")
    (tmp_path / "large").mkdir()
    (library.root / "gallery").symlink_to(tmp_path / "large", target_is_directory=True)
    with library.changing() as change:
        change.write(library.root / "gallery" / "2026-01" / "a.json", "{}")
    assert (tmp_path / "large" / "2026-01" / "a.json").read_text() == "{}"


@pytest.mark.parametrize("name", [".journal", ".scratch", "trash", "undo", "characters"])
@pytest.mark.skipif(sys.platform == "win32", reason="links need leave there")
def test_a_folder_that_is_tidied_must_not_be_a_link(tmp_path: Path, name: str) -> None:
    """Else what lies where it leads would be cleared away."""
    root = tmp_path / "library"
    Library.open(root)
    mine = tmp_path / "Documents"
    (mine / "thesis").mkdir(parents=True)
    (mine / "thesis" / "one.txt").write_text("years of work")
    os.utime(mine / "thesis", (1, 1))
    if (root / name).is_dir():
        (root / name).rmdir()
    (root / name).symlink_to(mine, target_is_directory=True)
    with pytest.raises(IsengardError) as caught:
        Library.open(root)
    assert caught.value.code == "LIBRARY_CORRUPT"
    assert name in caught.value.message
    assert (mine / "thesis" / "one.txt").exists()
