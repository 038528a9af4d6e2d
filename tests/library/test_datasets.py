"""Dataset folders of other trainers are written whole and read back the same."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from isengard.library import captioning, characters, datasets, photos, query
from isengard.library.importing import import_character
from isengard.library.store import Library
from isengard.media.captions import place_trigger
from isengard.media.folders import find_photos
from isengard.tests.library.corpus import BAD_NAMES
from isengard.tests.library.exchanged import pack
from isengard.tests.library.trees import tree
from isengard.tests.media.made import noise, refused, save


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """A library with a character of three photos, one of them put aside; tests don't change it."""
    folder = tmp_path_factory.mktemp("filled")
    library = Library.open(folder / "library")
    characters.create(library, name="Ada", trigger_word="ohwx", class_word="woman")
    for number, name in enumerate(("a.png", "b.jpg", "c.png", "d.png")):
        save(folder / "given" / name, noise((96, 80), number))
    for name, text in (("a", "ohwx, smiling"), ("b", "sitting by a window"), ("d", "[trigger] outside")):
        (folder / "given" / f"{name}.txt").write_text(text)
    added = list(photos.add(library, "ada", photos.folder_sources(folder / "given")))
    assert not [item for item in added if item.error]
    photos.set_rejected(library, [("ada", "c.png")], True)
    yield library
    library.close()


@pytest.fixture
def library(tmp_path: Path, filled: Library) -> Library:
    """An empty library that shares the other one's processes."""
    opened = Library.open(tmp_path / "library")
    opened.workers = filled.workers
    return opened


def captions_in(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.txt")}


def test_plain_is_photos_with_captions_beside_them(filled: Library, tmp_path: Path) -> None:
    """The accepted ones, byte for byte; the trigger word stands in every caption."""
    written = datasets.write(filled, "ada", tmp_path / "out")
    assert (written.folder, written.photos, written.captions) == (tmp_path / "out", 3, 3)
    assert captions_in(tmp_path / "out") == {
        "a.txt": "ohwx, smiling\n", "b.txt": "ohwx, sitting by a window\n", "d.txt": "ohwx outside\n",
    }  # fmt: skip
    for name in ("a.png", "b.jpg", "d.png"):
        assert (tmp_path / "out" / name).read_bytes() == filled.folder("ada").image(name).read_bytes()
    assert len(list((tmp_path / "out").iterdir())) == 6


def test_captions_can_stay_as_they_are(filled: Library, tmp_path: Path) -> None:
    """Then a photo without caption has no text file."""
    datasets.write(filled, "ada", tmp_path / "out", place=False)
    assert captions_in(tmp_path / "out") == {
        "a.txt": "ohwx, smiling\n", "b.txt": "sitting by a window\n", "d.txt": "[trigger] outside\n",
    }  # fmt: skip


def test_kohya_names_its_folder(filled: Library, tmp_path: Path) -> None:
    """Repeats, trigger word and class word."""
    written = datasets.write(filled, "ada", tmp_path / "out", layout="kohya", repeats=4)
    assert written.folder == tmp_path / "out" / "4_ohwx woman"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["4_ohwx woman"]
    found = find_photos(tmp_path / "out")
    assert [(item.path.name, item.repeats) for item in found.photos] == [("a.png", 4), ("b.jpg", 4), ("d.png", 4)]


def test_ai_toolkit_fills_the_trigger_word_in_itself(filled: Library, tmp_path: Path) -> None:
    """So it is written as a placeholder, which our own trainer fills in as well."""
    datasets.write(filled, "ada", tmp_path / "out", layout="ai-toolkit")
    written = captions_in(tmp_path / "out")
    assert written["a.txt"] == "[trigger], smiling\n"
    assert place_trigger(written["a.txt"], "zzq", "woman") == "zzq, smiling"


@pytest.mark.parametrize("layout", datasets.LAYOUTS)
def test_what_is_written_is_read_back(filled: Library, library: Library, tmp_path: Path, layout: str) -> None:
    """As a new character, by folder and by archive: the same pictures, and captions that mean the same."""
    datasets.write(filled, "ada", tmp_path / "out" / "Ada", layout=layout)
    with zipfile.ZipFile(tmp_path / "Ada.zip", "w") as archive:
        for path in (tmp_path / "out").rglob("*"):
            archive.write(path, path.relative_to(tmp_path / "out"))
    by_folder = datasets.import_folder(library, tmp_path / "out" / "Ada")
    by_archive = import_character(library, tmp_path / "Ada.zip")
    for came in (by_folder, by_archive):
        assert (came.character.name, came.photos, came.loras) == ("Ada", 3, 0)
        folder = library.folder(came.character.id)
        for name in ("a.png", "b.jpg", "d.png"):
            assert folder.image(name).read_bytes() == filled.folder("ada").image(name).read_bytes()
        page = query.search(library, query.Query(characters=(came.character.id,)))
        assert {photo.state for photo in page.photos} == {"ok"}
        meant = {photo.file: place_trigger(photo.caption, "ohwx", "woman") for photo in page.photos}
        assert meant["b.jpg"] == "ohwx, sitting by a window"
    assert by_folder.warnings == by_archive.warnings == ()
    assert {by_folder.character.id, by_archive.character.id} == {"ada", "ada-2"}
    words = {by_folder.character.trigger_word, by_archive.character.trigger_word}
    assert len(words) == 2
    assert ("ohwx" in words) == (layout == "kohya")
    assert (by_folder.character.class_word == "woman") == (layout == "kohya")


def test_adding_to_a_character_reads_all_layouts_too(filled: Library, library: Library, tmp_path: Path) -> None:
    """`photos.folder_sources` finds photos and captions in what was written."""
    for number, layout in enumerate(datasets.LAYOUTS):
        slug = characters.create(library, name=f"C{number}", trigger_word=f"zq{number}").id
        datasets.write(filled, "ada", tmp_path / layout, layout=layout)
        added = list(photos.add(library, slug, photos.folder_sources(tmp_path / layout)))
        assert [item.error for item in added] == [None] * 3
        page = query.search(library, query.Query(characters=(slug,), captions="empty"))
        assert page.total == 0
        assert not [finding for finding in captioning.lint(library, slug).findings if finding.code == "empty"]


def test_a_folder_that_is_not_empty_is_left_alone(filled: Library, tmp_path: Path) -> None:
    """An empty one is filled."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    before = tree(tmp_path, derived=True)
    assert refused(lambda: datasets.write(filled, "ada", tmp_path / "out")).code == "TARGET_EXISTS"
    assert refused(lambda: datasets.write(filled, "ada", tmp_path / "out" / "mine.txt")).code == "TARGET_EXISTS"
    assert tree(tmp_path, derived=True) == before
    (tmp_path / "empty").mkdir()
    datasets.write(filled, "ada", tmp_path / "empty")
    assert len(list((tmp_path / "empty").iterdir())) == 6


def test_nothing_is_left_of_a_dataset_that_failed(filled: Library, tmp_path: Path) -> None:
    """A caption that can't be read stops it; the message names it."""
    text = filled.folder("ada").images / "b.txt"
    kept = text.read_bytes()
    text.write_bytes(b"\xff\xfe")
    try:
        error = refused(lambda: datasets.write(filled, "ada", tmp_path / "deep" / "out"))
    finally:
        text.write_bytes(kept)
    assert error.code == "CAPTION_UNREADABLE"
    assert "b.txt" in error.message
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert not list(filled.scratch.iterdir())


def test_wrong_settings_are_refused(filled: Library, tmp_path: Path) -> None:
    """Before anything is made."""
    for change in ({"layout": "x"}, {"repeats": 0}, {"repeats": 10_000}):
        assert refused(lambda: datasets.write(filled, "ada", tmp_path / "out", **change)).code == "USAGE"  # noqa: B023
    assert refused(lambda: datasets.write(filled, "nobody", tmp_path / "out")).code == "CHARACTER_MISSING"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", BAD_NAMES)
def test_no_name_reaches_a_folder_of_another(name: str, filled: Library, tmp_path: Path) -> None:
    """The path corpus for the character."""
    assert refused(lambda: datasets.write(filled, name, tmp_path / "out")).code in ("NAME_INVALID", "CHARACTER_MISSING")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("word", ["a/b", "..", "CON", "a:b", "💡" * 30, "x" * 40])
def test_a_word_that_is_no_file_name_still_names_a_folder(
    word: str, filled: Library, library: Library, tmp_path: Path
) -> None:
    """Spelled plainly, inside the folder that was asked for."""
    slug = characters.create(library, name="Bob", trigger_word=word).id
    source = photos.Source(path=filled.folder("ada").image("a.png"))
    list(photos.add(library, slug, [source]))
    written = datasets.write(library, slug, tmp_path / "out" / "set", layout="kohya")
    assert written.folder.parent == tmp_path / "out" / "set"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["set"]
    assert re.match(r"10_.", written.folder.name)


def test_a_character_without_photos_makes_no_dataset(library: Library, tmp_path: Path) -> None:
    """It says so."""
    slug = characters.create(library, name="Bob", trigger_word="zzq").id
    assert refused(lambda: datasets.write(library, slug, tmp_path / "out")).code == "PHOTOS_NONE"
    assert not (tmp_path / "out").exists()


# Archives that somebody packed


def picture(filled: Library, name: str = "a.png") -> bytes:
    return filled.folder("ada").image(name).read_bytes()


def test_a_zip_of_photos_becomes_a_character(filled: Library, library: Library, tmp_path: Path) -> None:
    """Named after the file; what is no photo is passed over, what is broken is named."""
    found = {"Ünser Urlaub/a.png": picture(filled), "Ünser Urlaub/a.txt": b"by the sea", "Ünser Urlaub/notes.pdf": b"x",
             "Ünser Urlaub/broken.jpg": b"<html>", "Ünser Urlaub/twin.png": picture(filled),
             "Ünser Urlaub/same.JPG": picture(filled, "b.jpg")}  # fmt: skip
    came = import_character(library, pack(tmp_path / "Süße 👩.zip", found))
    assert (came.character.name, came.photos) == ("Süße 👩", 2)
    assert len(came.warnings) == 2
    page = query.search(library, query.Query(characters=(came.character.id,)))
    assert [(photo.file, photo.caption) for photo in page.photos] == [("a.png", "by the sea"), ("same.jpg", "")]
    assert list(library.scratch.iterdir()) == []
    assert import_character(library, pack(tmp_path / "upload.tmp", found), name="Eve").character.name == "Eve"


def test_kohyas_tree_is_understood(filled: Library, library: Library, tmp_path: Path) -> None:
    """`img/10_word class/` with regularisation pictures, logs and models beside it, which are no photos of hers."""
    found = {"train/img/12_zwq old man/a.png": picture(filled), "train/img/12_zwq old man/a.txt": b"zwq",
             "train/img/4_zwq old man/b.jpg": picture(filled, "b.jpg"), "train/log/events": b"x",
             "train/reg/1_man/x.png": picture(filled, "d.png"), "train/model/last.safetensors": b"x"}  # fmt: skip
    came = import_character(library, pack(tmp_path / "Bob.zip", found))
    assert came.photos == 2
    assert (came.character.trigger_word, came.character.class_word) == ("zwq", "old man")
    (warning,) = came.warnings
    assert "reg/1_man/x.png" in warning
    assert not list(library.root.rglob("*.safetensors"))


def test_a_word_that_is_taken_is_not_taken_over(filled: Library, library: Library, tmp_path: Path) -> None:
    """Another one is proposed: nothing was trained with it here."""
    characters.create(library, name="Ada", trigger_word="OHWX")
    came = import_character(library, pack(tmp_path / "Eve.zip", {"10_ohwx woman/a.png": picture(filled)}))
    assert came.character.trigger_word.casefold() != "ohwx"
    came = import_character(library, pack(tmp_path / "Eve.zip", {"10_a,b woman/a.png": picture(filled)}))
    assert came.photos == 1


def test_an_archive_without_usable_photos_leaves_nothing(library: Library, tmp_path: Path) -> None:
    """No empty character."""
    before = tree(library.root, derived=True)
    nothing = {"a.svg": b"<svg/>", "b.html": b"<html>", "c.txt": b"x"}
    deep = {"deep/er/a.jpg": b"x", "b/c.txt": b"x"}
    for code, found in (("PHOTOS_NONE", {"a.jpg": b"<html>"}), ("ARCHIVE_FOREIGN", deep), ("ARCHIVE_FOREIGN", nothing)):
        assert refused(lambda: import_character(library, pack(tmp_path / "x.zip", found))).code == code  # noqa: B023
    after = {name: digest for name, digest in tree(library.root, derived=True).items() if name != ".lock"}
    assert after == {name: digest for name, digest in before.items() if name != ".lock"}
    assert refused(lambda: datasets.import_folder(library, tmp_path / "none")).code == "PHOTOS_NONE"
