"""An index that can't lie for long: made again when it is gone or damaged, kept open for the next question."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import pytest

from isengard.errors import IsengardError
from isengard.library import adoption, characters, gallery_index, index, photos, query
from isengard.library.characters import Character
from isengard.library.photos import Source
from isengard.library.query import Query
from isengard.library.store import Library
from isengard.tests.architecture.sources import ROOT
from isengard.tests.library.damaging import WAYS, damage_index
from isengard.tests.library.test_gallery import add
from isengard.tests.media.made import noise, save


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("damage", WAYS)
def test_an_index_that_is_gone_or_damaged_is_made_again(filled: Library, damage: str, kept: bool) -> None:
    """Before it is opened, and while a connection to it is kept."""
    whole = query.search(filled, Query(sort="name")).photos
    if not kept:
        filled.connections.close()
    damage_index(filled.index_file, damage)
    assert query.search(filled, Query(sort="name")).photos == whole


def test_an_index_whose_latest_part_is_taken_away_is_not_read_on(filled: Library) -> None:
    """SQLite's log beside the file, deleted while a connection is kept: what is asked next sees the files."""
    path = filled.folder("ada").images / "p1.txt"
    before = path.read_text()
    for text in ("one", "two", "three"):
        path.write_text(text)
        assert query.one(filled, "ada", "p1.png").caption == text
        for ending in ("-wal", "-shm"):
            filled.index_file.with_name(f"index.sqlite{ending}").unlink(missing_ok=True)
    filled.connections.close()
    with sqlite3.connect(filled.index_file) as connection:
        assert connection.execute("PRAGMA quick_check").fetchone()[0] == "ok"
    connection.close()
    path.write_text(before)
    assert query.one(filled, "ada", "p1.png").caption == before.rstrip()


def test_a_connection_is_kept_for_the_next_question_of_any_thread(filled: Library) -> None:
    opened: list[int] = []

    def ask() -> None:
        for _ in range(5):
            with index.connected(filled) as connection:
                opened.append(id(connection))

    ask()
    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert len(set(opened)) == 1
    with index.connected(filled) as one, index.connected(filled) as other:
        assert one is not other
    filled.close()
    assert query.search(filled, Query()).total == 12


def test_the_index_of_a_library_that_is_read_only_stands_elsewhere(
    filled: Library, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    allowed = os.access
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != filled.root and allowed(path, mode))
    assert query.search(filled, Query()).total == 12
    assert gallery_index.search(filled, gallery_index.Query()).total == 0
    assert len(list(tmp_path.glob("isengard-*/*.sqlite"))) == 2
    assert not (filled.root / "gallery.sqlite").exists()


WRITER = """
import runpy, sys
from pathlib import Path
runpy.run_path(sys.argv[1] + "/loader.py")["load_package"](Path(sys.argv[1]))
from isengard.library import captioning, query
from isengard.library.captions.edits import Append
from isengard.library.store import Library
library = Library.open(Path(sys.argv[2]))
for _ in range(15):
    captioning.change(library, query.keys(library, query.Query(characters=("ada",))), Append(text=sys.argv[3]))
    query.search(library, query.Query())
"""


def test_two_processes_change_one_library_and_lose_nothing(tmp_path: Path) -> None:
    library = Library.open(tmp_path / "library")
    characters.create(library, name="Ada", trigger_word="ohwx")
    list(photos.add(library, "ada", [Source(path=save(tmp_path / f"{n}.png", noise(seed=n))) for n in range(3)]))
    commands = [[sys.executable, "-c", WRITER, str(ROOT), str(library.root), word] for word in ("left", "right")]
    writers = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for command in commands]
    for writer in writers:
        assert writer.wait(timeout=120) == 0, writer.communicate()[1]
    for photo in query.search(library, Query(characters=("ada",))).photos:
        assert sorted(photo.caption.split(", ")) == ["left"] * 15 + ["right"] * 15
    library.close()


def test_a_file_that_came_in_the_place_of_the_index_is_the_index(filled: Library) -> None:
    """It was thrown away while somebody asked, and another process has made it again: what is asked next is asked
    there."""
    other = Library(filled.root)
    with index.connected(filled):
        for ending in ("", "-wal", "-shm"):
            filled.index_file.with_name(f"index.sqlite{ending}").unlink(missing_ok=True)
        assert query.search(other, Query()).total == 12
    with index.connected(filled) as connection:
        connection.execute("DELETE FROM folders")
    with index.connected(other) as connection:
        assert connection.execute("SELECT count(*) FROM folders").fetchone()[0] == 0
    other.close()
    assert query.search(filled, Query()).total == 12


def test_both_indexes_are_kept_open(library: Library, ada: Character) -> None:
    """Photos and pictures are asked for by turns, as a page does it: nothing is opened twice."""
    add(library, "one")
    query.search(library, Query())
    gallery_index.search(library, gallery_index.Query())
    opened = sorted(id(one) for kept in library.connections._idle.values() for _, one in kept)
    assert len(opened) == 2
    for _ in range(3):
        query.search(library, Query())
        gallery_index.search(library, gallery_index.Query())
    assert sorted(id(one) for kept in library.connections._idle.values() for _, one in kept) == opened


def test_nobody_waits_while_photos_are_read(
    library: Library, ada: Character, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A library that came without its files' times is read whole: minutes for thousands of photos. What somebody else
    has seen meanwhile is newer and stays."""
    (file,) = (item.file for item in photos.add(library, ada.id, [Source(path=save(tmp_path / "a.png", noise()))]))
    caption = library.folder(ada.id).images / "a.txt"
    caption.write_text("old")
    reading, going_on = threading.Event(), threading.Event()
    read_row = index.read_row

    def slowly(*args: Any) -> tuple[Any, ...]:
        row = read_row(*args)
        reading.set()
        assert going_on.wait(60)
        return row

    monkeypatch.setattr(index, "read_row", slowly)
    thread = threading.Thread(target=index.refresh, args=(library, ada.id))
    thread.start()
    assert reading.wait(60)
    monkeypatch.setattr(index, "read_row", read_row)
    with sqlite3.connect(library.index_file, timeout=0, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("COMMIT")
    other.close()
    caption.write_text("the new one")
    assert query.one(library, ada.id, file).caption == "the new one"
    going_on.set()
    thread.join()
    monkeypatch.setattr(index, "refresh", lambda *_: False)
    assert query.one(library, ada.id, file).caption == "the new one"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives folders to others")
@pytest.mark.parametrize("theirs", ["a folder", "a link", "a file"])
def test_an_index_is_not_put_into_somebody_elses_folder(
    filled: Library, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, theirs: str
) -> None:
    """The folder for temporary files is everybody's."""
    allowed = os.access
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != filled.root and allowed(path, mode))
    place = tmp_path / f"isengard-{os.getuid()}"
    (tmp_path / "theirs").mkdir()
    if theirs == "a link":
        place.symlink_to(tmp_path / "theirs")
    elif theirs == "a file":
        place.touch()
    else:
        place.mkdir()
        os.chown(place, 12345, 12345)
    with pytest.raises(IsengardError) as caught:
        query.search(filled, Query())
    assert caught.value.code == "FOLDER_NOT_WRITABLE"
    assert [path for path in tmp_path.rglob("*") if path.suffix == ".sqlite"] == []


ENDLESS: list[tuple[str, dict[str, Any]]] = [
    ("records", {"source": {"taken": 10**30}}),
    ("records", {"source": {"taken": float("nan")}}),
    ("measured", {"width": 10**30}),
    ("measured", {"blur": float("inf")}),
    ("measured", {"source": {"jpeg_quality": "low"}}),
]


@pytest.mark.parametrize(("where", "change"), ENDLESS)
def test_numbers_that_no_index_keeps_hide_no_photo(
    library: Library, ada: Character, tmp_path: Path, where: str, change: dict[str, Any]
) -> None:
    """A library may come from anywhere: such a record is damaged, such measurements are made again."""
    list(photos.add(library, ada.id, [Source(path=save(tmp_path / f"{n}.png", noise(seed=n))) for n in range(2)]))
    folder = library.folder(ada.id)
    path = (folder.records if where == "records" else folder.measured) / "0.png.json"
    found = json.loads(path.read_text())
    inner = found if where == "records" else found["measures"]
    for name, value in change.items():
        inner[name] = {**inner[name], **value} if isinstance(value, dict) else value
    path.write_text(json.dumps(found))
    states = {photo.file: photo.state for photo in query.search(library, Query()).photos}
    assert states == {"0.png": "damaged" if where == "records" else "unmeasured", "1.png": "ok"}
    if where == "measured":
        assert [item.what for item in adoption.take_in(library, ada.id)] == ["measured"]
