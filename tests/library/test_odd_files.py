"""Libraries as they come to be: originals cleared away, folders on other disks, files from strangers. Nothing is lost,
nothing stands still, and what is wrong with one file is said of that file."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import filelock
import pytest

from isengard.errors import IsengardError
from isengard.library import characters, finished, gallery, loras, photos, query, scratch, trash
from isengard.library.characters import Character
from isengard.library.folders import CharacterFolder
from isengard.library.jobs import Jobs
from isengard.library.photos import Source
from isengard.library.records import Edit
from isengard.library.store import Library
from isengard.tests.library.photographed import added, refused, working
from isengard.tests.library.test_gallery import add as add_picture
from isengard.tests.library.test_jobs import wish
from isengard.tests.library.trees import tree
from isengard.tests.media.made import noise, save
from isengard.tests.trainer.jobs import write_photos
from isengard.trainer.job import JobFolder


@pytest.fixture
def photo(library: Library, ada: Character, tmp_path: Path) -> str:
    """One with a caption, cropped, so that it has an original."""
    (file,) = added(library, ada.id, Source(path=save(tmp_path / "one.jpg", noise()), caption="smiling"))
    photos.edit(library, ada.id, file, Edit(crop=(0.1, 0.1, 0.5, 0.5)))
    return file


def test_a_character_whose_cover_was_deleted_can_be_changed(library: Library, ada: Character, photo: str) -> None:
    characters.update(library, ada.id, {"cover": photo})
    trash.delete_photos(library, [(ada.id, photo)])
    assert characters.update(library, ada.id, {"notes": "tall"}).notes == "tall"
    refused("PHOTO_MISSING", characters.update, library, ada.id, {"cover": "nobody.jpg"})


def test_a_character_that_goes_while_it_is_read_is_missing_not_damaged(library: Library) -> None:
    refused("CHARACTER_MISSING", characters._read, CharacterFolder(library.characters / "gone"))


@pytest.fixture
def without_originals(library: Library, ada: Character, photo: str) -> str:
    """The photo, after somebody has cleared the originals away to save room."""
    for path in library.folder(ada.id).originals.iterdir():
        path.unlink()
    return photo


def test_a_photo_whose_original_is_gone_says_why_it_cannot_be_cropped(
    library: Library, ada: Character, without_originals: str
) -> None:
    error = refused("PHOTO_UNREADABLE", photos.edit, library, ada.id, without_originals, Edit(rotation=90))
    assert "original" in error.message
    assert "originals" in error.hint


@pytest.mark.parametrize("copy", [False, True])
def test_a_photo_whose_original_is_gone_goes_to_another_character(
    library: Library, ada: Character, without_originals: str, copy: bool
) -> None:
    eve = characters.create(library, name="Eve", trigger_word="zqx")
    shown = working(library, ada.id, without_originals).tobytes()
    ((_, (slug, file)),) = photos.move(library, [(ada.id, without_originals)], eve.id, copy=copy)
    assert working(library, slug, file).tobytes() == shown
    assert query.one(library, slug, file).caption == "smiling"
    assert query.search(library, query.Query(characters=(ada.id,))).total == int(copy)


def test_a_photo_whose_original_is_gone_comes_back_from_the_trash(
    library: Library, ada: Character, without_originals: str
) -> None:
    before = tree(library.characters, derived=True)
    (entry,) = trash.delete_photos(library, [(ada.id, without_originals)])
    assert trash.restore(library, entry.id).photos == (without_originals,)
    assert tree(library.characters, derived=True) == before


def test_of_several_deleted_photos_those_come_back_of_which_something_is_left(
    library: Library, ada: Character, photo: str, tmp_path: Path
) -> None:
    (other,) = added(library, ada.id, Source(path=save(tmp_path / "other.jpg", noise(seed=2))))
    (entry,) = trash.delete_photos(library, [(ada.id, photo), (ada.id, other)])
    for path in (library.trash / entry.id).rglob(f"{Path(other).stem}.jpg"):
        path.unlink()
    assert trash.restore(library, entry.id).photos == (photo,)


@pytest.mark.parametrize("slug", ["../x", "..", "../../../characters/ada", "a/b", ""])
def test_an_entry_of_the_trash_from_a_stranger_reaches_nothing_and_stops_nothing(
    library: Library, ada: Character, slug: str
) -> None:
    """It says that the deleted character lies elsewhere: nothing is moved, and the library goes on."""
    entry = trash.delete_character(library, characters.create(library, name="Eve", trigger_word="zqx").id)
    (library.trash / entry.id / "x").mkdir()
    path = library.trash / entry.id / "entry.json"
    for kind in ("character", "photos"):
        path.write_text(json.dumps({**json.loads(path.read_text()), "kind": kind, "character": slug}))
        refused("NAME_INVALID", trash.restore, library, entry.id)
        assert not list((library.root / ".journal").glob("*"))
    assert characters.update(library, ada.id, {"notes": "tall"}).notes == "tall"


def test_two_records_of_one_original_can_be_deleted_together(library: Library, ada: Character, photo: str) -> None:
    """Somebody has copied a photo with its record by hand."""
    folder = library.folder(ada.id)
    save(folder.images / "copy.jpg", noise(seed=3))
    (folder.records / "copy.jpg.json").write_bytes((folder.records / f"{photo}.json").read_bytes())
    (entry,) = trash.delete_photos(library, [(ada.id, photo), (ada.id, "copy.jpg")])
    assert query.search(library, query.Query()).total == 0
    assert set(trash.restore(library, entry.id).photos) == {photo, "copy.jpg"}


@pytest.fixture
def another_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on another file system than the library's."""
    disk = Path("/dev/shm")
    if not disk.is_dir() or disk.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is only one disk here")
    with tempfile.TemporaryDirectory(dir=disk) as place:
        yield Path(place)


def test_folders_of_the_library_may_lie_on_another_disk(
    library: Library, ada: Character, another_disk: Path, tmp_path: Path
) -> None:
    """Files and whole folders go there, into the trash, and back; half a copy is never seen."""
    for name in ("gallery", "jobs"):
        (another_disk / name).mkdir()
        (library.root / name).symlink_to(another_disk / name, target_is_directory=True)
    picture = add_picture(library, "in the rain")
    before = gallery.path_of(library, picture.id).read_bytes()
    gallery.delete(library, picture.id)
    assert not list(another_disk.rglob("*.png"))
    gallery.restore(library, picture.id)
    assert gallery.path_of(library, picture.id).read_bytes() == before
    write_photos(library.folder(ada.id).images)
    jobs = Jobs(library)
    job = jobs.create(wish()).job
    made = tree(job.folder.path)
    (photo,) = sorted((job.folder.photos).iterdir())[:1]
    photo.chmod(0o444)
    written = photo.stat().st_mtime_ns
    entry = jobs.delete(job.id)
    assert jobs.ids() == []
    trash.restore(library, entry.id)
    assert tree(job.folder.path) == made
    assert photo.stat().st_mtime_ns == written
    assert jobs.ids() == [job.id]
    assert not list((library.root / ".journal").iterdir())
    assert not [*another_disk.rglob("*.tmp"), *library.trash.rglob("*.tmp")]


def test_a_folder_that_was_on_its_way_to_another_disk_arrives(
    library: Library, another_disk: Path, tmp_path: Path
) -> None:
    """The process was killed while it copied, or while it cleared the old place; another folder there is not mixed
    with this one."""
    (library.root / "jobs").symlink_to(another_disk, target_is_directory=True)
    old, new = library.trash / "1" / "jobs" / "a", library.root / "jobs" / "a"
    for number, state in enumerate(("copying", "clearing", "another")):
        for place in (old, *([another_disk / ".a.moved.tmp"] if state == "copying" else [new])):
            (place / "deep").mkdir(parents=True, exist_ok=True)
        (old / "deep" / "one.txt").write_text("one")
        if state == "clearing":
            (new / "deep" / "one.txt").write_text("one")
            (new / "two.txt").write_text("two")
        decided = library.root / ".journal" / f"{number}.decided"
        decided.mkdir(parents=True)
        steps = {"moves": [["trash/1/jobs/a", "jobs/a", False]], "removed": []}
        (decided / "steps.json").write_text(json.dumps(steps))
        if state == "another":
            with pytest.raises(IsengardError, match="is there already"), library.changing():
                pass
            assert (old / "deep" / "one.txt").read_text() == "one"
            continue
        with library.changing():
            pass
        assert (new / "deep" / "one.txt").read_text() == "one"
        assert not old.exists()
        assert not (another_disk / ".a.moved.tmp").exists()
        for path in sorted(new.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        new.rmdir()


def test_a_workspace_whose_process_has_just_begun_is_left_alone(tmp_path: Path) -> None:
    """It was seen between the making of its lock's file and the lock."""
    path = tmp_path / "photo-1"
    lock = filelock.FileLock(path.with_name("photo-1.lock"))
    path.with_name("photo-1.lock").touch()
    left = scratch.forgotten(tmp_path)
    assert left == [path]
    with lock:
        path.mkdir()
        scratch.clear(left, lambda _: False)
        assert path.is_dir()
        assert path.with_name("photo-1.lock").exists()
    scratch.clear(left, lambda _: False)
    assert list(tmp_path.iterdir()) == []


def test_a_lock_that_cannot_be_taken_away_does_not_undo_the_work(tmp_path: Path) -> None:
    """As on Windows, where another process may be trying it at that moment."""
    with scratch.workspace(tmp_path, "photo") as desk:
        lock = desk.path.with_name(f"{desk.path.name}.lock")
        lock.unlink()
        (lock / "held").mkdir(parents=True)
    assert not desk.path.exists()


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ({"likeness": 0.5, "leak": "much", "x": True, "y": None}, {"likeness": 0.5}),
        ({"likeness": 10**400, "leak": float("nan")}, {}),
        (None, None),
    ],
)
def test_scores_that_are_no_numbers_are_none(
    library: Library, ada: Character, tmp_path: Path, told: Any, kept: dict[str, float] | None
) -> None:
    """In a LoRA's record, and in what a trainer says of its result."""
    (tmp_path / "a.safetensors").write_bytes(b"weights")
    lora = loras.register(library, ada.id, tmp_path / "a.safetensors", job="j", step=1, family="mini")
    path = library.folder(ada.id).loras / f"{lora.id}.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "scores": told}))
    assert [found.scores for found in loras.list_all(library)] == [kept]
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / "result.json").write_text(json.dumps({"scores": told}))
    assert finished.scores_of(JobFolder(tmp_path / "job")) == (kept or None)


@pytest.mark.parametrize(
    "odd",
    [
        {"warnings": [5]}, {"warnings": [{"message": "x"}]}, {"warnings": 5}, {"photos": "many"}, {"plan": [1]},
        {"character": 5}, {"lora": {}},
    ],
)  # fmt: skip
def test_a_job_that_says_odd_things_of_itself_hides_no_other(
    library: Library, ada: Character, odd: dict[str, Any]
) -> None:
    write_photos(library.folder(ada.id).images)
    jobs = Jobs(library)
    good, bad = (jobs.create(wish(seed=seed)).job for seed in (1, 2))
    path = bad.folder.path / "origin.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **odd}))
    found, broken = Jobs(library).all()
    assert [job.id for job in found] == [good.id]
    assert [(job_id, problem.code) for job_id, problem in broken] == [(bad.id, "JOB_CORRUPT")]
    path.write_text(json.dumps({"format": 1, "character": None, "warnings": None, "plan": None}))
    assert {job.id: job.character for job in Jobs(library).all()[0]} == {good.id: "ada", bad.id: ""}
