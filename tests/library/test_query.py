"""One question over the whole library: filters, search, order, pages, and captions in bulk."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pytest

from isengard.errors import IsengardError
from isengard.library import captioning, characters, cursors, query
from isengard.library.query import Query
from isengard.library.store import Library


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


def place(*values: Any) -> str:
    return cursors.packed(["added", False, *values])


@pytest.mark.parametrize(
    "cursor",
    [
        "x", "!!!", "bnVsbA", "W10", "W251bGwsIG51bGwsIDEsIDIsIDNd", "é",
        place(10**30, "ada", "p0.png"), place("", "ada", "\ud83d"), place("", "ada"), place("", [], "x"),
        base64.urlsafe_b64encode(b"[" * 3000).decode(),
    ],
)  # fmt: skip
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


def test_a_trigger_word_inside_another_word_is_none(filled: Library) -> None:
    """Training would put it in front; “Ark” is meant where it begins a caption, and nowhere in “park”."""
    characters.update(filled, "bob", {"trigger_word": "ark"})
    assert query.one(filled, "bob", "p0.png").has_trigger is False
    captioning.write(filled, {("bob", "p3.png"): "Ark, smiling"})
    assert query.one(filled, "bob", "p3.png").has_trigger is True
    captioning.write(filled, {("bob", "p3.png"): ""})
    characters.update(filled, "bob", {"trigger_word": "zqx"})


def test_another_trigger_word_is_looked_for_at_once(filled: Library) -> None:
    assert query.one(filled, "bob", "p0.png").has_trigger is False
    characters.update(filled, "bob", {"trigger_word": "park"})
    assert query.one(filled, "bob", "p0.png").has_trigger is True
    characters.update(filled, "bob", {"trigger_word": "zqx"})


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


def test_a_caption_that_cannot_be_read_is_nobodys_to_lose(filled: Library) -> None:
    """Bulk edits and captioners leave it, since undoing could not bring it back; only a new text takes its place."""
    from isengard.library import describing
    from isengard.library.captions.edits import Append, SetText

    path = filled.folder("ada").images / "p3.txt"
    path.write_bytes("ein Café".encode("cp1252"))
    keys = query.keys(filled, Query(characters=("ada",)))
    done = captioning.change(filled, keys, Append(text="smiling"))
    assert {change.file for change in done.changes} == {f"p{n}.png" for n in (0, 1, 2, 4, 5)}
    assert describing.without_caption(filled, keys) == []
    said = captioning.CaptionChange(character="ada", file="p3.png", before="", after="said")
    assert captioning.write_unchanged(filled, [said], label="x")[1] == (("ada", "p3.png"),)
    assert path.read_bytes() == "ein Café".encode("cp1252")
    captioning.undo(filled, done.undo)
    (new,) = captioning.change(filled, [("ada", "p3.png")], SetText(text="new")).changes
    assert new.after == "new"
    path.unlink()


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
