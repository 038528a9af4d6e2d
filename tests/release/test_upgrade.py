"""Data carries versions: what a newer Isengard wrote is refused and left alone, what an older one wrote is upgraded."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from isengard.errors import IsengardError
from isengard.generator.generation import Generation
from isengard.generator.request import GenerationRequest
from isengard.library import characters, exchange, gallery, job_files, loras, photos, records, store, trash, upgrades
from isengard.library.importing import import_character
from isengard.library.store import Library
from isengard.tests.generator.files import write_random_lora
from isengard.tests.library.test_gallery import add
from isengard.tests.trainer.jobs import empty_job, write_photos
from isengard.tests.web.test_guard import tree
from isengard.trainer.job import JobFolder

NEWER = 99
UNVERSIONED = {"queue.json"}
"""Files whose loss costs nothing but an order."""


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library in which everything was used once: photos, captions, a LoRA, a job, a picture, the trash."""
    tmp_path = tmp_path_factory.mktemp("used")
    library = Library.open(tmp_path / "library")
    characters.create(library, name="Ada", trigger_word="ohwx")
    characters.create(library, name="Bea", trigger_word="b34")
    source = write_photos(tmp_path / "photos")
    list(photos.add(library, "ada", photos.folder_sources(source)))
    weights = write_random_lora(tmp_path / "ada_ohwx_mini_1.safetensors", "mini")
    loras.register(library, "ada", weights, job="", step=3, family="mini")
    empty_job(library.jobs / "job").cancel()
    add(library, "somebody", "ada")
    trash.delete_character(library, "bea")
    library.close()
    return library.root


@pytest.fixture
def library(used: Path, tmp_path: Path) -> Library:
    """A copy of it for one test."""
    return Library.open(Path(shutil.copytree(used, tmp_path / "library")))


def ada_file(library: Library) -> Path:
    return library.folder("ada").file


def a_record(library: Library) -> Path:
    return sorted(library.folder("ada").records.glob("*.json"))[0]


def _lora_file(library: Library) -> Path:
    return next(library.folder("ada").loras.glob("*.json"))


def _lora(file: Path) -> loras.Lora:
    """Its record; lists leave out one that can't be used."""
    return loras.lora_from_dict(json.loads(file.read_text(encoding="utf-8")), file.name, lora_id="x", character="ada")


def raise_version(path: Path) -> str:
    """Makes a file one of a newer version, with a field that nobody here knows; gives its text."""
    values = json.loads(path.read_text(encoding="utf-8"))
    assert isinstance(values["format"], int), path
    fresh = {} if path.name == "state.json" else {"of_tomorrow": True}
    text = json.dumps({**values, **fresh, "format": NEWER})
    path.write_text(text, encoding="utf-8")
    return text


def refusal(call: Callable[[], Any]) -> IsengardError:
    with pytest.raises(IsengardError) as found:
        call()
    return found.value


READERS: dict[str, tuple[Callable[[Library], Path], Callable[[Library], Any]]] = {
    "the library": (lambda lib: lib.root / "library.json", lambda lib: Library.open(lib.root)),
    "a character": (ada_file, lambda lib: characters.get(lib, "ada")),
    "a photo's record": (
        a_record,
        lambda lib: records.read_record(lib.folder("ada"), a_record(lib).name.removesuffix(".json")),
    ),
    "a LoRA": (_lora_file, lambda lib: _lora(_lora_file(lib))),
    "a picture": (
        lambda lib: next(lib.root.glob("gallery/*/*.json")),
        lambda lib: _picture_problem(lib, next(lib.root.glob("gallery/*/*.json")).stem),
    ),
    "the trash": (
        lambda lib: next(lib.trash.glob("*/entry.json")),
        lambda lib: trash.restore(lib, next(lib.trash.iterdir()).name),
    ),
    "a job's settings": (
        lambda lib: lib.jobs / "job" / "config.json", lambda lib: JobFolder(lib.jobs / "job").config()
    ),
    "a job's state": (lambda lib: lib.jobs / "job" / "state.json", lambda lib: JobFolder(lib.jobs / "job").state()),
}  # fmt: skip


def _picture_problem(library: Library, picture: str) -> None:
    """A picture that can't be used is shown with its problem; here it is raised like the others."""
    found = gallery.get(library, picture)
    if found.problem:
        raise IsengardError("PICTURE_CORRUPT", found.problem)


@pytest.mark.parametrize("what", READERS)
def test_what_is_newer_is_refused_and_left_as_it_is(what: str, library: Library) -> None:
    """The message says that it is newer, or which version was found; the file is not touched."""
    path_of, read = READERS[what]
    path = path_of(library)
    text = raise_version(path)
    error = refusal(lambda: read(library))
    told = f"{error.message} {error.hint}".replace(str(library.root), "").replace(str(library.root.parent), "")
    assert "newer" in told or f"format {NEWER}" in told, told
    assert path.read_text(encoding="utf-8") == text


def test_a_newer_character_is_named_beside_the_others(library: Library) -> None:
    """One file of tomorrow does not hide the rest."""
    characters.create(library, name="Cleo", trigger_word="cl30")
    raise_version(ada_file(library))
    found, broken = characters.list_all(library)
    assert [character.id for character in found] == ["cleo"]
    assert [(problem.code, problem.details["character"]) for problem in broken] == [("LIBRARY_NEWER", "ada")]


def test_a_newer_origin_and_a_newer_request_are_passed_over(library: Library, tmp_path: Path) -> None:
    """Whose a job is, and what was to be painted."""
    job = JobFolder(library.jobs / "job")
    (job.path / job_files.ORIGIN).write_text(json.dumps({"format": NEWER, "character": {"id": 1}}), encoding="utf-8")
    assert refusal(lambda: job_files.read_origin(job)).code == "LIBRARY_NEWER"
    made = Generation(id="g1", request=GenerationRequest(prompt="x", family="mini"), created="")
    (tmp_path / "g1.json").write_text(json.dumps({**made.as_dict(), "format": NEWER}), encoding="utf-8")
    assert refusal(lambda: Generation.read(tmp_path / "g1.json")).code == "LIBRARY_NEWER"


def test_a_newer_archive_is_refused(library: Library, tmp_path: Path) -> None:
    """By its own version, and by that of the character in it."""
    exchange.export(library, "ada", tmp_path / "ada.zip")
    for name in (exchange.MANIFEST, "character.json"):
        with zipfile.ZipFile(tmp_path / "ada.zip") as old, zipfile.ZipFile(tmp_path / "new.zip", "w") as new:
            for item in old.namelist():
                data = old.read(item)
                new.writestr(item, json.dumps({**json.loads(data), "format": NEWER}) if item == name else data)
        before = tree(library.characters)
        code = refusal(lambda: import_character(library, tmp_path / "new.zip")).code
        assert code in ("ARCHIVE_NEWER", "ARCHIVE_UNREADABLE")
        assert tree(library.characters) == before


def test_everything_that_lasts_carries_a_version(library: Library, tmp_path: Path) -> None:
    """Each JSON file that a used library leaves on the disk, but for what can be made again."""
    found = {}
    for path in library.root.rglob("*.json"):
        parts = path.relative_to(library.root).parts
        if ".cache" in parts:
            continue
        values = json.loads(path.read_text(encoding="utf-8"))
        version = values.get("format")
        found["/".join(parts)] = isinstance(version, int) or path.name in UNVERSIONED
    assert [name for name, versioned in found.items() if not versioned] == []
    kinds = {name.rpartition("/")[2] for name in found}
    assert {"library.json", "character.json", "entry.json", "config.json", "state.json"} <= kinds
    exchange.export(library, "ada", tmp_path / "ada.zip")
    with zipfile.ZipFile(tmp_path / "ada.zip") as archive:
        assert json.loads(archive.read(exchange.MANIFEST))["format"] == exchange.FORMAT


def test_an_older_library_is_upgraded_after_a_backup(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """Step by step, with all records as they were in a zip beside; photos and weights stay as they are."""
    seen = []

    def step(root: Path) -> None:
        seen.append(root)
        file = root / "characters" / "ada" / "character.json"
        values = json.loads(file.read_text(encoding="utf-8"))
        file.write_text(json.dumps({**values, "name": values["name"].upper()}), encoding="utf-8")

    monkeypatch.setattr(store, "FORMAT", 3)
    monkeypatch.setattr(upgrades, "STEPS", {1: step, 2: seen.append})
    before = tree(library.root)
    opened = Library.open(library.root)
    assert characters.get(opened, "ada").name == "ADA"
    assert json.loads((library.root / "library.json").read_text(encoding="utf-8")) == {"format": 3}
    assert len(seen) == 2
    with zipfile.ZipFile(library.root / "backups" / "format-1.zip") as backup:
        names = set(backup.namelist())
        assert json.loads(backup.read("characters/ada/character.json"))["name"] == "Ada"
    assert {"library.json", "characters/ada/images/photo0.txt", "jobs/job/state.json"} <= names
    assert not [name for name in names if name.endswith((".png", ".jpg", ".safetensors", ".sqlite"))]
    after = tree(library.root)
    assert {name for name in before if after.get(name) != before[name]} == {
        "library.json",
        "characters/ada/character.json",
    }
    Library.open(library.root)
    assert len(seen) == 2, "what is up to date is left alone"


def test_an_upgrade_that_was_cut_off_is_taken_up_again(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first backup is kept: it holds what was there before anything was changed."""

    def cut_off(root: Path) -> None:
        (root / "characters" / "ada" / "character.json").write_text("{", encoding="utf-8")
        raise KeyboardInterrupt

    original = ada_file(library).read_text(encoding="utf-8")
    monkeypatch.setattr(store, "FORMAT", 2)
    monkeypatch.setattr(upgrades, "STEPS", {1: cut_off})
    with pytest.raises(KeyboardInterrupt):
        Library.open(library.root)
    assert json.loads((library.root / "library.json").read_text(encoding="utf-8")) == {"format": 1}

    def whole(root: Path) -> None:
        (root / "characters" / "ada" / "character.json").write_text(original, encoding="utf-8")

    monkeypatch.setattr(upgrades, "STEPS", {1: whole})
    assert characters.get(Library.open(library.root), "ada").name == "Ada"
    with zipfile.ZipFile(library.root / "backups" / "format-1.zip") as backup:
        assert backup.read("characters/ada/character.json").decode() == original


def test_a_version_that_never_was_is_no_library(library: Library) -> None:
    """Nothing is guessed, nothing is changed."""
    (library.root / "library.json").write_text('{"format": 0}', encoding="utf-8")
    before = tree(library.root)
    assert refusal(lambda: Library.open(library.root)).code == "LIBRARY_CORRUPT"
    assert tree(library.root) == before
