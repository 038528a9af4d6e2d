"""A folder that somebody fills or edits by hand is picked up, and nobody's work is lost."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from pathlib import Path

import pillow_heif
import pytest
from PIL import Image

from isengard.errors import IsengardError
from isengard.library import adoption, characters, index, photos, query, trash
from isengard.library.characters import Character
from isengard.library.photos import Source
from isengard.library.records import Edit
from isengard.library.store import Library
from isengard.tests.library.photographed import exif
from isengard.tests.media.made import noise, quarters, save


@pytest.fixture
def images(library: Library, ada: Character) -> Path:
    """The folder that is filled by hand."""
    folder = library.folder(ada.id).images
    folder.mkdir()
    return folder


def aged(*paths: Path) -> None:
    """Makes files look as if they were written a while ago."""
    for path in paths:
        os.utime(path, (time.time() - 60, time.time() - 60))


def take_in(library: Library, slug: str) -> dict[str, str]:
    """What was done, by the photo's name."""
    return {item.file: item.error.code if item.error else item.what for item in adoption.take_in(library, slug)}


def shown(library: Library, slug: str) -> dict[str, str]:
    """The states of all photos."""
    return {photo.file: photo.state for photo in query.search(library, query.Query(characters=(slug,))).photos}


def test_photos_put_there_by_hand_are_listed_at_once_and_measured_when_taken_in(
    library: Library, ada: Character, images: Path
) -> None:
    clean = save(images / "My Photo.png", noise())
    (images / "My Photo.txt").write_text("smiling")
    turned = save(images / "IMG_2.JPG", quarters((300, 200)).transpose(Image.Transpose.ROTATE_90), exif=exif(6))
    heic = images / "phone.heic"
    pillow_heif.from_pillow(noise((200, 160), 5)).save(heic)
    (images / "phone.txt").write_text("at home")
    aged(clean, turned, heic)
    before = {path.name: path.read_bytes() for path in (clean, turned, heic)}
    assert shown(library, ada.id) == {"My Photo.png": "new", "IMG_2.JPG": "new", "phone.heic": "new"}
    assert take_in(library, ada.id) == {"My Photo.png": "new", "IMG_2.jpg": "new", "phone.jpg": "new"}
    assert shown(library, ada.id) == {"My Photo.png": "ok", "IMG_2.jpg": "ok", "phone.jpg": "ok"}
    assert clean.read_bytes() == before["My Photo.png"], "a clean photo stays as it is"
    originals = {path.read_bytes() for path in library.folder(ada.id).originals.iterdir()}
    assert originals == {before["IMG_2.JPG"], before["phone.heic"]}
    with Image.open(images / "IMG_2.jpg") as upright:
        assert upright.size == (300, 200)
        assert not upright.getexif()
    assert query.one(library, ada.id, "phone.jpg").caption == "at home"
    assert take_in(library, ada.id) == {}, "and that is all"


def test_a_file_that_is_still_being_copied_is_left_alone(
    library: Library, ada: Character, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adoption, "QUIET_SECONDS", 3600.0)  # a busy machine looks late
    half = images / "a.png"
    half.write_bytes(save(images.parent / "whole.png", noise()).read_bytes()[:500])
    assert take_in(library, ada.id) == {}
    assert shown(library, ada.id) == {"a.png": "new"}


def test_a_photo_that_was_edited_by_hand_keeps_the_edit_and_the_old_original(
    library: Library, ada: Character, images: Path, tmp_path: Path
) -> None:
    source = Source(path=save(tmp_path / "a.jpg", quarters((900, 600))), caption="smiling")
    (added,) = photos.add(library, ada.id, [source])
    photos.edit(library, ada.id, added.file, Edit(crop=(0, 0, 0.5, 0.5)))
    save(images / added.file, noise((400, 300)), exif=exif())
    aged(images / added.file)
    assert shown(library, ada.id) == {added.file: "changed"}
    assert take_in(library, ada.id) == {added.file: "changed"}
    photo = query.one(library, ada.id, added.file)
    assert (photo.width, photo.height, photo.crop, photo.caption) == (400, 300, None, "smiling")
    assert len(list(library.folder(ada.id).originals.iterdir())) == 2
    assert take_in(library, ada.id) == {}


def test_a_photo_that_was_only_touched_is_not_changed(library: Library, ada: Character, tmp_path: Path) -> None:
    (added,) = photos.add(library, ada.id, [Source(path=save(tmp_path / "a.jpg", noise()))])
    aged(library.folder(ada.id).images / added.file)
    assert shown(library, ada.id) == {added.file: "ok"}


def test_a_photo_removed_by_hand_goes_to_the_trash_and_can_be_made_again(
    library: Library, ada: Character, tmp_path: Path
) -> None:
    source = Source(path=save(tmp_path / "a.jpg", quarters((900, 600))), caption="smiling")
    (added,) = photos.add(library, ada.id, [source])
    photos.edit(library, ada.id, added.file, Edit(crop=(0, 0, 0.5, 0.5)))
    path = library.folder(ada.id).images / added.file
    before = path.read_bytes()
    path.unlink()
    assert shown(library, ada.id) == {}
    assert take_in(library, ada.id) == {added.file: "vanished"}
    (entry,) = trash.entries(library)
    assert trash.restore(library, entry.id).photos == (added.file,)
    assert path.read_bytes() == before
    assert query.one(library, ada.id, added.file).caption == "smiling"
    assert shown(library, ada.id) == {added.file: "ok"}


def test_names_that_some_system_cannot_use_are_changed(library: Library, ada: Character, images: Path) -> None:
    names = ["con.png", "what?.png", "dot..png", " space.png"]
    for number, name in enumerate(names):
        save(images / name, noise(seed=number), format="PNG")
        (images / name).with_suffix(".txt").write_text(f"caption {number}")
        aged(images / name)
    done = take_in(library, ada.id)
    assert set(done.values()) <= {"renamed", "new"}
    found = query.search(library, query.Query(characters=(ada.id,))).photos
    assert {photo.caption for photo in found} == {f"caption {number}" for number in range(4)}
    assert {photo.state for photo in found} == {"ok"}
    assert not [name for name in names[:2] if (images / name).exists()]


def test_a_name_that_is_no_text_is_taken_in(library: Library, ada: Character, images: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(images) + b"/caf\xe9.png"))
    try:
        save(path, noise(), format="PNG")
    except OSError:
        pytest.skip("this disk takes only names that are UTF-8")
    aged(path)
    assert list(take_in(library, ada.id).values()) == ["renamed"]
    assert list(shown(library, ada.id).values()) == ["ok"]
    assert not path.exists()


def test_pictures_with_one_name_but_for_the_ending_get_captions_of_their_own(
    library: Library, ada: Character, images: Path
) -> None:
    for number, name in enumerate(("a.png", "a.jpg", "A.webp")):
        save(images / name, noise(seed=number))
        aged(images / name)
    (images / "a.txt").write_text("both")
    take_in(library, ada.id)
    take_in(library, ada.id)
    found = query.search(library, query.Query(characters=(ada.id,))).photos
    assert len({Path(photo.file).stem.casefold() for photo in found}) == 3
    assert [photo.caption for photo in found].count("both") >= 2


def test_what_is_no_picture_is_reported_and_stays(library: Library, ada: Character, images: Path) -> None:
    fake = images / "fake.jpg"
    fake.write_text("hello")
    aged(fake)
    assert take_in(library, ada.id) == {"fake.jpg": "PHOTO_UNREADABLE"}
    assert fake.read_text() == "hello"
    assert shown(library, ada.id) == {"fake.jpg": "new"}


def test_measurements_that_were_deleted_are_made_again(library: Library, ada: Character, tmp_path: Path) -> None:
    path = save(tmp_path / "a.jpg", quarters((900, 600)), exif=exif(), quality=30)
    (added,) = photos.add(library, ada.id, [Source(path=path)])
    before = query.one(library, ada.id, added.file).findings
    (library.folder(ada.id).measured / f"{added.file}.json").unlink()
    (library.folder(ada.id).thumbnails / f"{added.file}.webp").unlink()
    assert shown(library, ada.id) == {added.file: "unmeasured"}
    assert take_in(library, ada.id) == {added.file: "measured"}
    assert query.one(library, ada.id, added.file).findings == before
    assert (library.folder(ada.id).thumbnails / f"{added.file}.webp").is_file()


def test_a_folder_copied_to_another_machine_needs_no_measuring(
    library: Library, ada: Character, tmp_path: Path
) -> None:
    list(photos.add(library, ada.id, [Source(path=save(tmp_path / "a.jpg", noise()))]))
    other = Library.open(tmp_path / "other")
    shutil.copytree(library.characters / ada.id, other.characters / ada.id, copy_function=shutil.copyfile)
    assert characters.get(other, ada.id) == ada
    assert shown(other, ada.id) == {"a.jpg": "ok"}


def test_a_photo_dated_in_the_future_is_taken_in(library: Library, ada: Character, images: Path) -> None:
    """Its camera's clock or ours was wrong; only what changes at this moment has to wait."""
    photo = save(images / "a.png", noise())
    os.utime(photo, (time.time() + 86_400, time.time() + 86_400))
    assert take_in(library, ada.id) == {"a.png": "new"}


@pytest.mark.parametrize("length", [140, 146, 150])
def test_a_long_name_is_taken_in_and_can_be_changed_like_any_other(
    library: Library, ada: Character, images: Path, length: int
) -> None:
    """The names of a photo's other files are longer than its own."""
    name = f"{'a' * (length - 4)}.jpg"
    photo = save(images / name, noise())
    aged(photo)
    assert take_in(library, ada.id) == {name: "new"}
    photos.edit(library, ada.id, name, Edit(rotation=90))
    photos.edit(library, ada.id, name, Edit(rotation=180))
    other = characters.create(library, name="Eva")
    photos.move(library, [(ada.id, name)], other.id, copy=True)
    ((_, (_, second)),) = photos.move(library, [(ada.id, name)], other.id)
    assert shown(library, other.id) == {name: "ok", second: "ok"}
    photos.edit(library, other.id, second, Edit())
    (entry,) = trash.delete_photos(library, [(other.id, second)])
    assert trash.restore(library, entry.id).photos == (second,)


def test_a_turn_does_not_undo_what_was_painted_by_hand(
    library: Library, ada: Character, images: Path, tmp_path: Path
) -> None:
    """A turn makes the picture again from the original, so the new one has to be taken in first."""
    (added,) = photos.add(library, ada.id, [Source(path=save(tmp_path / "a.jpg", quarters((900, 600))))])
    painted = save(images / added.file, noise((400, 300))).read_bytes()
    with pytest.raises(IsengardError) as caught:
        photos.edit(library, ada.id, added.file, Edit(rotation=90))
    assert caught.value.code == "PHOTO_NEW"
    assert (images / added.file).read_bytes() == painted
    aged(images / added.file)
    take_in(library, ada.id)
    photos.edit(library, ada.id, added.file, Edit(rotation=90))
    photo = query.one(library, ada.id, added.file)
    assert (photo.width, photo.height) == (300, 400)


def test_a_folder_of_photos_is_judged_once_and_not_once_for_each(
    library: Library, ada: Character, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All are compared with all each time: thousands would take hours."""
    aged(*(save(images / f"{number}.png", noise(seed=number)) for number in range(6)))
    judged: list[str] = []
    judge = index._judge

    def counted(connection: sqlite3.Connection, slug: str, size: int) -> None:
        judged.append(slug)
        judge(connection, slug, size)

    monkeypatch.setattr(index, "_judge", counted)
    assert len(take_in(library, ada.id)) == 6
    assert len(judged) <= 2
