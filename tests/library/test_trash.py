"""What is deleted can be put back, whatever happened meanwhile."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path

import pytest

from isengard.errors import IsengardError
from isengard.library import adoption, characters, photos, query, store, trash
from isengard.library.characters import Character
from isengard.library.photos import Source
from isengard.library.records import Edit
from isengard.library.store import Library
from isengard.tests.library.corpus import BAD_NAMES
from isengard.tests.library.photographed import refused
from isengard.tests.library.trees import tree
from isengard.tests.media.made import noise, quarters, save


@pytest.fixture
def files(library: Library, ada: Character, tmp_path: Path) -> list[str]:
    """Three photos with captions."""
    sources = [Source(path=save(tmp_path / f"{n}.jpg", noise(seed=n)), caption=f"photo {n}") for n in range(3)]
    return [item.file for item in photos.add(library, ada.id, sources)]


def test_photos_come_back_as_they_were(library: Library, ada: Character, files: list[str]) -> None:
    photos.edit(library, ada.id, files[0], Edit(rotation=90))
    photos.set_rejected(library, [(ada.id, files[1])], True)
    before = tree(library.characters, derived=True)
    (entry,) = trash.delete_photos(library, [(ada.id, file) for file in files[:2]])
    left = tree(library.characters)
    assert not [name for name in left if Path(name).stem in (Path(files[0]).stem, Path(files[1]).stem)]
    assert [item.id for item in trash.entries(library)] == [entry.id]
    assert (entry.label, entry.character) == ("2 photos", ada.id)
    restored = trash.restore(library, entry.id)
    assert sorted(restored.photos) == sorted(files[:2])
    assert tree(library.characters, derived=True) == before
    assert trash.entries(library) == []
    refused("TRASH_MISSING", trash.restore, library, entry.id)


def test_a_photo_whose_name_was_taken_meanwhile_gets_another(
    library: Library, ada: Character, files: list[str], tmp_path: Path
) -> None:
    (entry,) = trash.delete_photos(library, [(ada.id, files[0])])
    list(photos.add(library, ada.id, [Source(path=save(tmp_path / "other.jpg", quarters()), title=files[0])]))
    assert trash.restore(library, entry.id).photos == (f"{Path(files[0]).stem}-2.jpg",)
    assert query.search(library, query.Query(characters=(ada.id,))).total == 4


def test_one_missing_photo_deletes_none(library: Library, ada: Character, files: list[str]) -> None:
    before = tree(library.root)
    refused("PHOTO_MISSING", trash.delete_photos, library, [(ada.id, files[0]), (ada.id, "nobody.jpg")])
    assert tree(library.root) == before


def test_a_character_comes_back_with_everything(library: Library, ada: Character, files: list[str]) -> None:
    before = tree(library.characters, derived=True)
    entry = trash.delete_character(library, ada.id)
    assert library.slugs() == []
    assert query.search(library, query.Query()).total == 0
    refused("CHARACTER_MISSING", characters.get, library, ada.id)
    other = characters.create(library, name="Ada", trigger_word="zqx")
    assert other.id == "ada"
    assert trash.restore(library, entry.id).character == "ada-2"
    trash.delete_character(library, "ada")
    entry = trash.delete_character(library, "ada-2")
    assert trash.restore(library, entry.id).character == "ada-2"
    (library.characters / "ada-2").rename(library.characters / "ada")
    assert tree(library.characters, derived=True) == before
    assert query.search(library, query.Query()).total == 3


def test_photos_of_a_deleted_character_wait_for_it(library: Library, ada: Character, files: list[str]) -> None:
    (entry,) = trash.delete_photos(library, [(ada.id, files[0])])
    gone = trash.delete_character(library, ada.id)
    refused("CHARACTER_MISSING", trash.restore, library, entry.id)
    trash.restore(library, gone.id)
    assert trash.restore(library, entry.id).photos == (files[0],)


def test_a_character_with_a_damaged_file_can_be_deleted(library: Library, ada: Character) -> None:
    library.folder(ada.id).file.write_text("{")
    assert trash.restore(library, trash.delete_character(library, ada.id).id).character == ada.id
    assert library.folder(ada.id).file.read_text() == "{"


def test_emptying_deletes_for_good_and_only_the_trash(library: Library, ada: Character, files: list[str]) -> None:
    for file in files[:2]:
        trash.delete_photos(library, [(ada.id, file)])
    before = tree(library.characters)
    first = trash.entries(library)[0]
    assert trash.empty(library, [first.id]) == 1
    assert trash.empty(library) == 1
    assert trash.entries(library) == []
    assert tree(library.characters) == before


@pytest.mark.parametrize("name", [*BAD_NAMES, "nothing"])
def test_no_bad_name_reaches_the_trash_or_deletes_anything(
    library: Library, ada: Character, files: list[str], name: str
) -> None:
    trash.delete_photos(library, [(ada.id, files[0])])
    before = tree(library.root, derived=True)
    for action in (
        lambda: trash.restore(library, name),
        lambda: trash.empty(library, [name]),
        lambda: trash.delete_photos(library, [(ada.id, name)]),
        lambda: trash.delete_photos(library, [(name, files[1])]),
        lambda: trash.delete_character(library, name),
    ):
        with pytest.raises(IsengardError) as caught:
            action()
        assert caught.value.code in ("NAME_INVALID", "TRASH_MISSING", "PHOTO_MISSING", "CHARACTER_MISSING")
    assert tree(library.root, derived=True) == before


def test_a_damaged_entry_hides_no_other_and_is_kept(library: Library, ada: Character, files: list[str]) -> None:
    (one,) = trash.delete_photos(library, [(ada.id, files[0])])
    (two,) = trash.delete_photos(library, [(ada.id, files[1])])
    path = library.trash / one.id / "entry.json"
    path.write_text("{")
    assert [entry.id for entry in trash.entries(library)] == [two.id]
    refused("LIBRARY_CORRUPT", trash.restore, library, one.id)
    assert path.exists()


def test_an_entry_that_names_files_outside_moves_none_of_them(library: Library, ada: Character, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    entry = trash.new_entry("other", "x")
    folder = library.trash / entry.id
    folder.mkdir(parents=True)
    for names in (["../../secret"], ["/etc/hostname"], ["a/../../../../secret"]):
        (folder / "entry.json").write_text(json.dumps({**entry.as_dict(), "files": names}))
        refused("NAME_INVALID", trash.restore, library, entry.id)
    assert (tmp_path / "secret").read_text() == "x"


@pytest.mark.parametrize("what", ["photos", "character"])
def test_an_entry_that_two_restore_at_once_comes_back_once(
    library: Library, ada: Character, files: list[str], what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The slower one is told that it isn't there any more; nobody speaks of a second character."""
    if what == "photos":
        (entry,) = trash.delete_photos(library, [(ada.id, files[0])])
    else:
        entry = trash.delete_character(library, ada.id)
    answers = []

    def restore() -> None:
        try:
            answers.append(trash.restore(library, entry.id).character)
        except IsengardError as problem:
            answers.append(problem.code)

    threads = [threading.Thread(target=restore) for _ in range(2)]
    monkeypatch.setattr(store, "PATIENCE", 600.0)
    with library.changing():  # both have read the entry when the lock is free
        for thread in threads:
            thread.start()
        time.sleep(0.3)
    for thread in threads:
        thread.join()
    assert sorted(answers) == ["TRASH_MISSING", "ada"]
    assert library.slugs() == ["ada"]
    assert query.search(library, query.Query(characters=("ada",))).total == 3


def test_a_photo_of_which_only_the_caption_is_left_stays_in_the_trash(library: Library, ada: Character) -> None:
    """Restoring it would bring nothing back and lose the rest."""
    images = library.folder(ada.id).images
    photo = save(images / "a.png", noise())
    photo.with_suffix(".txt").write_text("smiling")
    os.utime(photo, (time.time() - 60, time.time() - 60))
    assert [item.what for item in adoption.take_in(library, ada.id)] == ["new"]
    photo.unlink()
    assert [item.what for item in adoption.take_in(library, ada.id)] == ["vanished"]
    (entry,) = trash.entries(library)
    refused("PHOTO_MISSING", trash.restore, library, entry.id)
    kept = library.trash / entry.id / "characters" / ada.id / "images" / "a.txt"
    assert kept.read_text() == "smiling"


def test_an_entry_with_values_of_the_wrong_kind_hides_no_other(
    library: Library, ada: Character, files: list[str]
) -> None:
    (one,) = trash.delete_photos(library, [(ada.id, files[0])])
    (two,) = trash.delete_photos(library, [(ada.id, files[1])])
    path = library.trash / one.id / "entry.json"
    for wrong in ({"deleted": 5}, {"character": None}, {"photos": [1]}, {"kind": ["photos"]}):
        path.write_text(json.dumps({**one.as_dict(), **wrong}))
        assert [entry.id for entry in trash.entries(library)] == [two.id]


def test_what_is_not_in_an_entry_is_not_given_up(library: Library, ada: Character, files: list[str]) -> None:
    """Restoring an entry that somebody rearranged by hand loses nothing of it."""
    entry = trash.delete_character(library, ada.id)
    there = library.trash / entry.id / "characters"
    (there / ada.id).rename(there / "eva")
    before = tree(library.root)
    refused("LIBRARY_CONFLICT", trash.restore, library, entry.id)
    assert tree(library.root) == before
    (there / "eva").rename(there / ada.id)
    assert trash.restore(library, entry.id).character == ada.id
