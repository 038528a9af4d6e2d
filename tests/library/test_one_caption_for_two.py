"""Two pictures with one name but for the ending share a caption file until they are taken in: nothing trips over it."""

from __future__ import annotations

from pathlib import Path

import pytest

from isengard.library import captioning, photos, query
from isengard.library.captions.edits import Append, SetText
from isengard.library.characters import Character
from isengard.library.photo_files import Key
from isengard.library.store import Library
from isengard.tests.media.made import noise, save


@pytest.fixture
def twins(library: Library, ada: Character) -> list[Key]:
    """`a.jpg`, `a.png` and `a.txt`, put there by hand."""
    images = library.folder(ada.id).images
    for number, name in enumerate(("a.jpg", "a.png")):
        save(images / name, noise(seed=number))
    (images / "a.txt").write_text("smiling\n")
    return [(ada.id, "a.jpg"), (ada.id, "a.png")]


def captions(library: Library) -> dict[str, str]:
    return {photo.file: photo.caption for photo in query.search(library, query.Query()).photos}


def test_an_edit_of_both_can_be_taken_back(library: Library, twins: list[Key]) -> None:
    for edit, after in ((Append("at home"), "smiling, at home"), (SetText(""), "")):
        done = captioning.change(library, twins, edit)
        assert set(captions(library).values()) == {after}
        assert set(captioning.undo(library, done.undo).restored) == set(twins)
        assert captions(library) == {"a.jpg": "smiling", "a.png": "smiling"}


def test_both_can_be_put_aside_and_taken_back(library: Library, ada: Character, twins: list[Key]) -> None:
    folder = library.folder(ada.id)
    assert photos.set_rejected(library, twins, True) == twins
    assert captions(library) == {"a.jpg": "smiling", "a.png": "smiling"}
    assert not list(folder.images.iterdir())
    assert photos.set_rejected(library, twins, False) == twins
    assert sorted(path.name for path in folder.images.iterdir()) == ["a.jpg", "a.png", "a.txt"]
    assert not list(folder.rejected.iterdir())


def test_one_of_them_leaves_the_caption_to_the_other(library: Library, ada: Character, twins: list[Key]) -> None:
    folder: Path = library.folder(ada.id).images
    photos.set_rejected(library, twins[:1], True)
    assert captions(library) == {"a.jpg": "smiling", "a.png": "smiling"}
    assert (folder / "a.txt").is_file()
