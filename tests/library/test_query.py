"""One question over the whole library: filters, search, order, pages; and an index that can't lie for long."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from isengard.errors import IsengardError
from isengard.library import captioning, characters, index, photos, query
from isengard.library.photos import Source
from isengard.library.query import Query
from isengard.library.store import Library
from isengard.tests.architecture.sources import ROOT
from isengard.tests.media.made import noise, save

CAPTIONS = ["ohwx, in a park", "50% off_sale", "Straße in Zürich", "", "OHWX at home", "beach, 100 people"]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """Two characters with six photos each, of growing size; one rejected, one overexposed."""
    folder = tmp_path_factory.mktemp("query")
    library = Library.open(folder / "library")
    for name, word in (("Ada", "ohwx"), ("Bob", "zqx")):
        slug = characters.create(library, name=name, trigger_word=word).id
        sources = [
            Source(
                path=save(folder / slug / f"p{n}.png", noise((100 + 60 * n, 120 + 60 * n), n + ord(name[0]))),
                caption=text,
            )
            for n, text in enumerate(CAPTIONS)
        ]
        list(photos.add(library, slug, sources))
    photos.set_rejected(library, [("bob", "p0.png")], True)
    yield library
    library.close()


def names(library: Library, **values: object) -> list[str]:
    found = query.search(library, Query(**values))  # type: ignore[arg-type]
    assert found.total == len(found.photos)
    return [f"{photo.character}/{photo.file}" for photo in found.photos]


def test_filters_narrow_and_combine(filled: Library) -> None:
    assert len(names(filled)) == 12
    assert len(names(filled, characters=("ada",))) == 6
    assert names(filled, rejected=True) == ["bob/p0.png"]
    assert names(filled, captions="empty", sort="name") == ["ada/p3.png", "bob/p3.png"]
    assert names(filled, captions="without_trigger", characters=("ada",), sort="name") == [
        f"ada/p{n}.png" for n in (1, 2, 3, 5)
    ]
    assert names(filled, least_side=300, most_side=350, characters=("ada",)) == ["ada/p4.png"]
    assert names(filled, states=("new",)) == []
    assert names(filled, added_from="2999-01-01") == []
    assert len(names(filled, added_to="2999-01-01")) == 12
    small = set(names(filled, findings=("too_small",)))
    assert "ada/p0.png" in small
    assert not small & set(names(filled, findings=("none",)))
    assert small <= set(names(filled, findings=("any",)))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("PARK", [0]),
        ("strasse", [2]),
        ("STRASSE zürich", [2]),
        ("zürich straße", [2]),
        ("50%", [1]),
        ("%", [1]),
        ("_", [1]),
        ("\\", []),
        ("'; DROP TABLE photos; --", []),
        ("100 people", [5]),
        ("p4", [4]),
        ("nowhere", []),
    ],
)
def test_words_are_searched_whatever_signs_they_hold(filled: Library, text: str, found: list[int]) -> None:
    assert names(filled, text=text, characters=("ada",), sort="name") == [f"ada/p{n}.png" for n in found]


@pytest.mark.parametrize("sort", sorted(query.SORTS))
@pytest.mark.parametrize("descending", [False, True])
def test_pages_give_every_photo_once_in_any_order(filled: Library, sort: str, descending: bool) -> None:
    asked = Query(sort=sort, descending=descending, limit=5)
    seen: list[tuple[str, str]] = []
    while True:
        page = query.search(filled, asked)
        seen += [(photo.character, photo.file) for photo in page.photos]
        assert page.total == 12
        if not page.cursor:
            break
        asked = replace(asked, cursor=page.cursor)
    whole = query.search(filled, Query(sort=sort, descending=descending)).photos
    assert seen == [(photo.character, photo.file) for photo in whole]
    assert len(set(seen)) == 12


def test_sizes_are_sorted_as_numbers(filled: Library) -> None:
    assert names(filled, characters=("ada",), sort="size", descending=True) == [
        f"ada/p{n}.png" for n in range(5, -1, -1)
    ]


def test_totals_count_all_pages(filled: Library) -> None:
    page = query.search(filled, Query(limit=2))
    assert page.totals["by_character"] == {"ada": 6, "bob": 6}
    assert (page.totals["rejected"], page.totals["uncaptioned"], page.totals["waiting"]) == (1, 2, 0)
    assert page.totals["by_finding"]["too_small"] >= 2
    assert len(query.keys(filled, Query(captions="empty"))) == 2


@pytest.mark.parametrize("values", [{"sort": "x"}, {"captions": "x"}, {"limit": 0}, {"limit": 501}, {"states": ("x",)}])
def test_questions_that_make_no_sense_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(IsengardError) as caught:
        Query(**values)  # type: ignore[arg-type]
    assert caught.value.code == "QUERY_INVALID"


@pytest.mark.parametrize("cursor", ["x", "!!!", "bnVsbA", "W10", "W251bGwsIG51bGwsIDEsIDIsIDNd", "é"])
def test_foreign_cursors_are_refused(filled: Library, cursor: str) -> None:
    with pytest.raises(IsengardError) as caught:
        query.search(filled, Query(cursor=cursor))
    assert caught.value.code == "QUERY_INVALID"


def test_a_change_by_hand_is_seen_at_the_next_question(filled: Library) -> None:
    path = filled.folder("ada").images / "p0.txt"
    before = path.read_text()
    path.write_text("changed in place")
    assert query.one(filled, "ada", "p0.png").caption == "changed in place"
    replacement = path.with_name("new")
    replacement.write_text("replaced by an editor")
    replacement.replace(path)
    assert "ada/p0.png" in names(filled, text="replaced by an editor")
    path.write_text(before)
    query.one(filled, "ada", "p0.png")


def test_another_trigger_word_is_looked_for_at_once(filled: Library) -> None:
    assert query.one(filled, "bob", "p0.png").has_trigger is False
    characters.update(filled, "bob", {"trigger_word": "park"})
    assert query.one(filled, "bob", "p0.png").has_trigger is True
    characters.update(filled, "bob", {"trigger_word": "zqx"})


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("damage", ["gone", "garbage", "empty", "older version", "truncated", "tables", "rows"])
def test_an_index_that_is_gone_or_damaged_is_made_again(filled: Library, damage: str, kept: bool) -> None:
    """Before it is opened, and while a connection to it is kept."""
    whole = query.search(filled, Query(sort="name")).photos
    path = filled.index_file
    if not kept:
        filled.connections.close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        if damage == "older version":
            connection.execute("PRAGMA user_version = 99")
    connection.close()
    data = path.read_bytes()
    for ending in ("-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)
    if damage == "gone":
        path.unlink()
    elif damage != "older version":
        path.write_bytes(
            {
                "garbage": b"x" * 5000,
                "empty": b"",
                "truncated": data[: len(data) // 2],
                "tables": data[:100] + b"x" * 900 + data[1000:],
                "rows": data[:4096] + b"\x0d" + b"\xff" * (len(data) - 4097),
            }[damage]
        )
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
    assert list(tmp_path.glob("isengard-*/*.sqlite"))


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


def test_bulk_captions_are_previewed_made_and_undone(filled: Library) -> None:
    from isengard.library.captions.edits import Prepend

    keys = query.keys(filled, Query(characters=("ada",)))
    before = {photo.file: photo.caption for photo in query.search(filled, Query(characters=("ada",))).photos}
    plan = captioning.preview(filled, keys, Prepend(text="photo of"))
    assert {photo.file: photo.caption for photo in query.search(filled, Query(characters=("ada",))).photos} == before
    done = captioning.change(filled, keys, Prepend(text="photo of"))
    assert done.changes == plan
    after = {photo.file: photo.caption for photo in query.search(filled, Query(characters=("ada",))).photos}
    assert after == {change.file: change.after for change in plan}
    captioning.write(filled, {("ada", "p1.png"): "written meanwhile"})
    undone = captioning.undo(filled, done.undo)
    assert undone.conflicts == (("ada", "p1.png"),)
    assert len(undone.restored) == 5
    captioning.write(filled, {("ada", "p1.png"): before["p1.png"]})
    assert {photo.file: photo.caption for photo in query.search(filled, Query(characters=("ada",))).photos} == before
    with pytest.raises(IsengardError) as caught:
        captioning.undo(filled, done.undo)
    assert caught.value.code == "UNDO_MISSING"


@pytest.mark.parametrize(
    "noted", ["{", "[]", "{}", '{"changes": 5}', '{"changes": [["ada"]]}', '{"changes": [[1,2,3,4]]}']
)
def test_an_undo_that_is_damaged_says_so(library: Library, noted: str) -> None:
    library.undo.mkdir()
    (library.undo / "x.json").write_text(noted)
    with pytest.raises(IsengardError) as caught:
        captioning.undo(library, "x")
    assert caught.value.code == "LIBRARY_CORRUPT"
    assert "x.json" in caught.value.message


@pytest.mark.parametrize("asked", [{"text": "\ud83d"}, {"findings": ("\ud83d",)}, {"characters": ("a", "\ud83d")}])
def test_what_is_no_text_is_refused(library: Library, asked: dict[str, Any]) -> None:
    """No index takes half of a surrogate pair."""
    with pytest.raises(IsengardError) as caught:
        query.search(library, Query(**asked))
    assert caught.value.code == "QUERY_INVALID"
