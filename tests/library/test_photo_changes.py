"""What a person does to a photo takes everything along and can be undone."""

from __future__ import annotations

from pathlib import Path

import pytest

from isengard.errors import IsengardError
from isengard.library import characters, photos, query
from isengard.library.characters import Character
from isengard.library.photos import Source
from isengard.library.records import Edit
from isengard.library.store import Library
from isengard.tests.library.corpus import BAD_NAMES
from isengard.tests.library.photographed import added, refused, working
from isengard.tests.media.made import BLUE, GREEN, corners, near, noise, quarters, save


def test_rejecting_puts_a_photo_aside_with_its_caption_and_back(
    library: Library, ada: Character, tmp_path: Path
) -> None:
    (file,) = added(library, ada.id, Source(path=save(tmp_path / "a.png", noise()), caption="smiling"))
    folder = library.folder(ada.id)
    assert photos.set_rejected(library, [(ada.id, file)], True) == [(ada.id, file)]
    assert not list(folder.images.iterdir())
    assert query.one(library, ada.id, file).rejected
    assert query.one(library, ada.id, file).caption == "smiling"
    assert photos.set_rejected(library, [(ada.id, file)], True) == []
    photos.set_rejected(library, [(ada.id, file)], False)
    assert sorted(path.name for path in folder.images.iterdir()) == ["a.png", "a.txt"]
    assert not list(folder.rejected.iterdir())


def test_crops_and_turns_are_made_from_the_original_and_undone(
    library: Library, ada: Character, tmp_path: Path
) -> None:
    path = save(tmp_path / "a.jpg", quarters((3000, 2000)), quality=95)
    (file,) = added(library, ada.id, Source(path=path))
    before = (library.folder(ada.id).images / file).read_bytes()
    photos.edit(library, ada.id, file, Edit(crop=(0.5, 0.0, 0.5, 0.5)))
    assert working(library, ada.id, file).size == (1500, 1000), "at the original's full detail"
    assert near(working(library, ada.id, file).resize((1, 1)).getpixel((0, 0)), GREEN, 12)
    photos.edit(library, ada.id, file, Edit(rotation=90))
    assert near(corners(working(library, ada.id, file))[0], BLUE, 12)
    shown = query.one(library, ada.id, file)
    assert (shown.rotation, shown.crop, shown.can_undo, shown.state) == (90, None, True, "ok")
    assert photos.undo_edit(library, ada.id, file)
    assert query.one(library, ada.id, file).crop == (0.5, 0.0, 0.5, 0.5)
    assert photos.undo_edit(library, ada.id, file)
    assert not photos.undo_edit(library, ada.id, file)
    assert (library.folder(ada.id).images / file).read_bytes() == before


@pytest.mark.parametrize(
    "edit",
    [
        Edit(rotation=45),
        Edit(rotation=True),
        Edit(crop=(0, 0, 0, 0)),
        Edit(crop=(0.5, 0, 0.6, 1)),
        Edit(crop=(-0.1, 0, 0.5, 0.5)),
        Edit(crop=(0, 0, float("nan"), 1)),
        Edit(crop=("0", 0, 1, 1)),  # type: ignore[arg-type]
        Edit(crop=(0, 0, 1)),  # type: ignore[arg-type]
    ],
)
def test_impossible_edits_are_refused(library: Library, ada: Character, tmp_path: Path, edit: Edit) -> None:
    (file,) = added(library, ada.id, Source(path=save(tmp_path / "a.png", noise())))
    refused("EDIT_INVALID", photos.edit, library, ada.id, file, edit)
    assert not query.one(library, ada.id, file).can_undo


def test_findings_can_be_overruled_and_judged_again(library: Library, ada: Character, tmp_path: Path) -> None:
    (file,) = added(library, ada.id, Source(path=save(tmp_path / "a.png", noise((90, 90)))))
    assert "too_small" in {item["code"] for item in query.one(library, ada.id, file).findings}
    photos.keep(library, ada.id, file, ["too_small"])
    levels = {item["code"]: item["level"] for item in query.one(library, ada.id, file).findings}
    assert levels["too_small"] == "kept"
    assert query.search(library, query.Query(findings=("too_small",))).total == 0
    photos.keep(library, ada.id, file, ["too_small"], kept=False)
    assert query.search(library, query.Query(findings=("too_small",))).total == 1


def test_moving_and_copying_take_everything_along(library: Library, ada: Character, tmp_path: Path) -> None:
    bob = characters.create(library, name="Bob", trigger_word="zqx")
    source = Source(path=save(tmp_path / "a.jpg", quarters((900, 600))), caption="smiling")
    (file,) = added(library, ada.id, source)
    added(library, bob.id, Source(path=save(tmp_path / "b.png", noise()), title="a.jpg"))
    photos.edit(library, ada.id, file, Edit(crop=(0, 0, 0.5, 0.5)))
    assert photos.move(library, [(ada.id, file)], bob.id, copy=True) == [((ada.id, file), (bob.id, "a-2.jpg"))]
    assert photos.move(library, [(ada.id, file)], bob.id) == [((ada.id, file), (bob.id, "a-3.jpg"))]
    assert query.search(library, query.Query(characters=(ada.id,))).total == 0
    assert not list(library.folder(ada.id).originals.iterdir())
    for name in ("a-2.jpg", "a-3.jpg"):
        photo = query.one(library, bob.id, name)
        assert (photo.caption, photo.crop, photo.state) == ("smiling", (0, 0, 0.5, 0.5), "ok")
        photos.undo_edit(library, bob.id, name)
        assert working(library, bob.id, name).size == (900, 600)


@pytest.mark.parametrize("name", BAD_NAMES)
def test_no_bad_name_reaches_a_photo(library: Library, ada: Character, tmp_path: Path, name: str) -> None:
    (tmp_path / "x.jpg").write_bytes(b"outside")
    (library.root / "x.jpg").write_bytes(b"outside")
    actions = [
        lambda: photos.set_rejected(library, [(ada.id, name)], True),
        lambda: photos.edit(library, ada.id, name, Edit(rotation=90)),
        lambda: photos.undo_edit(library, ada.id, name),
        lambda: photos.keep(library, ada.id, name, ["blurred"]),
        lambda: photos.move(library, [(ada.id, name)], ada.id + "x"),
        lambda: photos.set_rejected(library, [(name, "a.jpg")], True),
        lambda: list(photos.add(library, name, [])),
    ]
    for action in actions:
        with pytest.raises(IsengardError) as caught:
            action()
        assert caught.value.code in ("NAME_INVALID", "CHARACTER_MISSING", "PHOTO_MISSING")
    assert (tmp_path / "x.jpg").read_bytes() == (library.root / "x.jpg").read_bytes() == b"outside"
