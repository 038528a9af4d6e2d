"""Pictures, and an index of them, that are damaged or come from anywhere: they hide no other."""

from __future__ import annotations

import base64
import functools
import json
from typing import Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from isengard.errors import IsengardError
from isengard.library import cursors, gallery, trash
from isengard.library.store import Library
from isengard.tests.library.damaging import WAYS, damage_index
from isengard.tests.library.test_gallery import add, ids, search


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"format": 1}', '{"format": 9, "settings": {}, "created": "x"}', "\x00"]
)
def test_damaged_json_is_told_and_the_picture_speaks_for_itself(library: Library, text: str) -> None:
    """The list goes on; settings come from the PNG; the problem names the file and no folder."""
    sound = add(library, "sound")
    hurt = add(library, "hurt", "ada", seed=99)
    gallery.path_of(library, hurt.id).with_suffix(".json").write_text(text)
    page = search(library)
    assert page.damaged == 1
    assert {picture.id: bool(picture.problem) for picture in page.pictures} == {sound.id: False, hurt.id: True}
    found = gallery.get(library, hurt.id)
    assert found.settings == hurt.settings
    assert f"{hurt.id}.json" in found.problem


def test_a_picture_that_is_none_is_told_too(library: Library) -> None:
    """Without JSON and with damaged bytes: listed, with its problem; a thumbnail is refused with a code."""
    picture = add(library, "x")
    path = gallery.path_of(library, picture.id)
    path.with_suffix(".json").unlink()
    path.write_bytes(path.read_bytes()[:40])
    page = search(library)
    assert [(found.id, found.settings) for found in page.pictures] == [(picture.id, {})]
    assert page.pictures[0].problem
    with pytest.raises(IsengardError) as caught:
        gallery.thumbnail(library, picture.id)
    assert caught.value.code == "PICTURE_CORRUPT"


@pytest.mark.parametrize(
    "strange",
    [
        {"loras": [{"character": ["a"], "lora": {"b": 1}, "file": 5, "strength": None}]},
        {"loras": [{"character": 7}, 5, None], "sent": ["x"]},
        {"prompt": "half a pair \ud83d", "sent": "\ud83d"},
        {"width": "wide", "height": True, "seed": "\ud83d"},
        {"guidance": float("nan"), "steps": float("-inf")},
        {"deep": functools.reduce(lambda inner, _: [inner], range(700), 0)},
    ],
)
def test_a_picture_with_strange_settings_hides_no_other(library: Library, strange: dict[str, Any]) -> None:
    """It may come from anywhere: somebody put it into the folder."""
    good, odd = add(library, "good", "ada"), add(library, "odd")
    path = gallery.path_of(library, odd.id).with_suffix(".json")
    path.write_text(json.dumps({"format": 1, "created": odd.created, "settings": {**odd.settings, **strange}}))
    page = search(library)
    assert set(ids(page)) == {good.id, odd.id}
    assert ids(search(library, character="ada")) == [good.id]
    for picture in page.pictures:
        told = [picture.prompt, picture.characters, picture.size, dict(picture.settings)]
        json.dumps(told, allow_nan=False).encode("utf-8")
    assert gallery.delete(library, odd.id).id == odd.id
    assert {entry.id for entry in trash.entries(library)} == {odd.id}


def test_a_picture_whose_settings_have_no_end_hides_no_other(library: Library) -> None:
    good, odd = add(library, "good"), add(library, "odd")
    path = gallery.path_of(library, odd.id)
    path.with_suffix(".json").unlink()
    notes = PngInfo()
    notes.add_itxt("isengard", "[" * 100_000)
    Image.new("RGB", (64, 64)).save(path, pnginfo=notes)
    assert set(ids(search(library))) == {good.id, odd.id}
    assert gallery.get(library, odd.id).problem


def test_a_picture_with_a_strange_date_hides_no_other(library: Library) -> None:
    good, odd = add(library, "good"), add(library, "odd")
    path = gallery.path_of(library, odd.id).with_suffix(".json")
    path.write_text(json.dumps({"format": 1, "created": "\ud83d", "settings": {}}))
    assert set(ids(search(library))) == {good.id, odd.id}


@pytest.mark.parametrize(
    "cursor",
    [cursors.packed(["2026", "\ud83d"]), cursors.packed(["2026"]), base64.urlsafe_b64encode(b"[" * 3000).decode(), "é"],
)
def test_foreign_cursors_are_refused(library: Library, cursor: str) -> None:
    with pytest.raises(IsengardError) as caught:
        search(library, cursor=cursor)
    assert caught.value.code == "QUERY_INVALID"


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("damage", WAYS)
def test_an_index_that_is_gone_or_damaged_is_made_again(library: Library, damage: str, kept: bool) -> None:
    """Within the same question, before it is opened and while a connection to it is kept."""
    for number in range(60):
        add(library, f"number {number} " + "in the rain " * 20)
    whole = ids(search(library))
    if not kept:
        library.connections.close()
    damage_index(library.root / "gallery.sqlite", damage)
    assert ids(search(library)) == whole
