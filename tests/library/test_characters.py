"""Characters are made, changed and listed, by one person in two tabs and by two programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from isengard.library import characters
from isengard.library.characters import Character
from isengard.library.store import Library
from isengard.tests.library.corpus import BAD_NAMES
from isengard.tests.library.photographed import refused


def test_a_new_character_can_be_read_back_by_another_process(library: Library) -> None:
    made = characters.create(library, name="  Ada   Lovelace ", trigger_word="ohwx", class_word="woman", notes="a\nb")
    assert (made.id, made.name, made.notes) == ("ada-lovelace", "Ada Lovelace", "a\nb")
    assert characters.get(Library.open(library.root), "ada-lovelace") == made


def test_without_a_trigger_word_one_is_proposed_that_no_other_has(library: Library) -> None:
    words = {characters.create(library, name=f"Person {number}").trigger_word for number in range(20)}
    assert len({word.casefold() for word in words}) == 20


@pytest.mark.parametrize(
    "name", ["王小明", "💡" * 300, "Ada", "ADA", "ada", "Zo\u00eb", "Zoe\u0308", "CON", "../../x", "a" * 300]
)
def test_any_name_makes_a_character_with_an_address_of_its_own(library: Library, name: str) -> None:
    first = characters.create(library, name=name, trigger_word="one")
    second = characters.create(library, name=name, trigger_word="two")
    assert first.name == second.name == name
    assert first.id != second.id
    assert sorted(path.name for path in library.characters.iterdir()) == sorted([first.id, second.id])
    assert first.id.isascii()


@pytest.mark.parametrize(
    "values",
    [
        {"name": ""},
        {"name": "   "},
        {"name": "x" * 301},
        {"name": "a\0b"},
        {"name": "bad\udcff"},
        {"name": "A", "trigger_word": "two words"},
        {"name": "A", "trigger_word": "a,b"},
        {"name": "A", "trigger_word": "x" * 41},
        {"name": "A", "class_word": "x" * 41},
        {"name": "A", "notes": "x" * 10_001},
    ],
)
def test_what_a_character_cannot_be_is_refused_and_leaves_nothing(library: Library, values: dict[str, str]) -> None:
    refused("CHARACTER_INVALID", characters.create, library, **values)
    assert library.slugs() == []


def test_two_characters_cannot_share_a_trigger_word(library: Library, ada: Character) -> None:
    assert "Ada" in refused("CHARACTER_INVALID", characters.create, library, name="Bob", trigger_word="OHWX").message
    bob = characters.create(library, name="Bob", trigger_word="zqx")
    refused("CHARACTER_INVALID", characters.update, library, bob.id, {"trigger_word": "Ohwx"})
    assert characters.update(library, ada.id, {"trigger_word": "OHWX"}).trigger_word == "OHWX"


def test_a_trigger_word_is_checked_against_the_others_and_the_dictionary(library: Library, ada: Character) -> None:
    assert characters.check_trigger(library, "ohwx", slug=ada.id) == []
    assert [problem.level for problem in characters.check_trigger(library, "ohwx")] == ["reject"]
    assert [problem.code for problem in characters.check_trigger(library, "running")] == ["word"]
    assert characters.check_trigger(library, "woman", class_word="woman")[0].code == "class_word"


def test_a_rename_keeps_the_address(library: Library, ada: Character) -> None:
    renamed = characters.update(library, ada.id, {"name": "Augusta", "strength": 0.8}, etag=ada.etag)
    assert (renamed.id, renamed.name, renamed.strength) == ("ada", "Augusta", 0.8)
    assert renamed.created == ada.created


def test_the_later_save_on_an_old_version_is_refused(library: Library, ada: Character) -> None:
    characters.update(library, ada.id, {"notes": "first tab"}, etag=ada.etag)
    refused("CHARACTER_CONFLICT", characters.update, library, ada.id, {"notes": "second tab"}, etag=ada.etag)
    assert characters.get(library, ada.id).notes == "first tab"


def test_an_edit_by_hand_counts_as_another_version(library: Library, ada: Character) -> None:
    path = library.folder(ada.id).file
    path.write_text(path.read_text().replace("Ada", "Eda"))
    assert characters.get(library, ada.id).name == "Eda"
    refused("CHARACTER_CONFLICT", characters.update, library, ada.id, {"notes": "x"}, etag=ada.etag)


@pytest.mark.parametrize(
    "changes", [{"id": "x"}, {"created": "now"}, {"strength": 3}, {"strength": True}, {"strength": "1"}, {"name": 5}]
)
def test_what_cannot_be_changed_is_refused(library: Library, ada: Character, changes: dict[str, object]) -> None:
    refused("CHARACTER_INVALID", characters.update, library, ada.id, changes)
    assert characters.get(library, ada.id) == ada


def test_a_cover_must_be_a_photo_of_the_character(library: Library, ada: Character) -> None:
    refused("PHOTO_MISSING", characters.update, library, ada.id, {"cover": "nobody.jpg"})
    refused("NAME_INVALID", characters.update, library, ada.id, {"cover": "../character.json"})


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "null", '"x"', '{"name": 1}', '{"name": "A"}', '{"name": "A", "trigger_word": null}', "\0\0\0"],
)
def test_a_damaged_file_is_an_error_with_its_path_and_hides_no_other(
    library: Library, ada: Character, content: str
) -> None:
    characters.create(library, name="Bob", trigger_word="zqx")
    path = library.folder(ada.id).file
    path.write_text(content)
    assert str(path) in refused("CHARACTER_CORRUPT", characters.get, library, ada.id).message
    found, broken = characters.list_all(library)
    assert [character.name for character in found] == ["Bob"]
    assert [problem.details["character"] for problem in broken] == ["ada"]
    assert path.read_text() == content


def test_a_newer_versions_character_is_refused_and_not_rewritten(library: Library, ada: Character) -> None:
    path = library.folder(ada.id).file
    path.write_text(json.dumps({**ada.as_dict(), "format": 99, "mood": "good"}))
    refused("LIBRARY_NEWER", characters.get, library, ada.id)
    refused("LIBRARY_NEWER", characters.update, library, ada.id, {"notes": "x"})
    assert '"mood"' in path.read_text()


def test_folders_that_are_no_characters_are_passed_over(library: Library, ada: Character) -> None:
    (library.characters / "empty").mkdir()
    (library.characters / ".hidden").mkdir()
    (library.characters / "file").write_text("x")
    (library.characters / "link").symlink_to(library.characters / "ada")
    found, broken = characters.list_all(library)
    assert [character.id for character in found] == ["ada"]
    assert not broken


@pytest.mark.parametrize("slug", BAD_NAMES)
def test_no_bad_name_reaches_a_character(library: Library, ada: Character, slug: str) -> None:
    for action in (characters.get, lambda lib, name: characters.update(lib, name, {"notes": "x"})):
        refused("NAME_INVALID", action, library, slug)
    refused("CHARACTER_MISSING", characters.get, library, "nobody")


def test_listeners_hear_of_changes_until_they_leave(library: Library) -> None:
    heard: list[frozenset[str]] = []
    leave = library.listen(heard.append)
    ada = characters.create(library, name="Ada", trigger_word="ohwx")
    characters.update(library, ada.id, {"notes": "x"})
    leave()
    characters.update(library, ada.id, {"notes": "y"})
    assert frozenset({"ada"}) in heard
    assert len([slugs for slugs in heard if slugs]) == 2


def test_a_library_of_a_newer_version_and_a_damaged_one_are_refused(tmp_path: Path) -> None:
    root = Library.open(tmp_path / "library").root
    (root / "library.json").write_text('{"format": 2}')
    refused("LIBRARY_NEWER", Library.open, root)
    for content in ("", "[]", '{"format": "x"}'):
        (root / "library.json").write_text(content)
        refused("LIBRARY_CORRUPT", Library.open, root)
