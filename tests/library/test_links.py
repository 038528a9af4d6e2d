"""A library from a stranger may hold links to what is ours: it is not shown, and not given away. Pipes are not waited
on."""

from __future__ import annotations

import os
import sys
import threading
import zipfile
from contextlib import nullcontext
from pathlib import Path

import pytest

from isengard.errors import IsengardError
from isengard.library import captioning, characters, datasets, exchange, photos, query
from isengard.library.captions.edits import Append
from isengard.library.characters import Character
from isengard.library.photos import Source
from isengard.library.records import Edit
from isengard.library.store import Library
from isengard.media.pixels import read_bytes
from isengard.tests.library.photographed import added, refused
from isengard.tests.media.made import noise, save

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links need leave there")


@pytest.fixture
def photo(library: Library, ada: Character, tmp_path: Path) -> str:
    """One with a caption, cropped, so that it has an original."""
    (file,) = added(library, ada.id, Source(path=save(tmp_path / "one.jpg", noise()), caption="smiling"))
    photos.edit(library, ada.id, file, Edit(crop=(0.1, 0.1, 0.5, 0.5)))
    return file


@pytest.mark.parametrize("link", ["an original", "all originals", "all photos"])
def test_what_links_lead_to_is_not_given_away(
    library: Library, ada: Character, photo: str, tmp_path: Path, link: str
) -> None:
    """An archive and a dataset go to others."""
    folder, mine = library.folder(ada.id), tmp_path / "mine"
    (original,) = folder.originals.iterdir()
    secret = save(mine / "secret.jpg", noise(seed=9))
    if link == "an original":
        original.unlink()
        original.symlink_to(secret)
    else:
        place = folder.originals if link == "all originals" else folder.images
        place.rename(tmp_path / "moved away")
        secret.rename(mine / (original.name if link == "all originals" else photo))
        place.symlink_to(mine, target_is_directory=True)
    given = next(mine.glob("*.jpg")).read_bytes()
    exchange.export(library, ada.id, tmp_path / "ada.zip")
    with zipfile.ZipFile(tmp_path / "ada.zip") as archive:
        assert given not in [archive.read(name) for name in archive.namelist()]
        assert (f"images/{photo}" in archive.namelist()) == (link != "all photos")
    with pytest.raises(IsengardError, match="PHOTOS_NONE") if link == "all photos" else nullcontext():
        datasets.write(library, ada.id, tmp_path / "dataset")
    assert given not in [path.read_bytes() for path in (tmp_path / "dataset").rglob("*.jpg")]


def test_a_caption_that_is_a_link_is_none(library: Library, ada: Character, photo: str, tmp_path: Path) -> None:
    """Not shown, not changed, not written into a dataset; what is written takes the link's place."""
    (tmp_path / "secret.txt").write_text("the secret")
    caption = (library.folder(ada.id).images / photo).with_suffix(".txt")
    caption.unlink()
    caption.symlink_to(tmp_path / "secret.txt")
    assert query.one(library, ada.id, photo).caption == ""
    (change,) = captioning.change(library, [(ada.id, photo)], Append(text="smiling")).changes
    assert (change.before, change.after) == ("", "smiling")
    assert (tmp_path / "secret.txt").read_text() == "the secret"
    assert not caption.is_symlink()


def test_a_thumbnail_that_is_a_link_is_not_shown(library: Library, ada: Character, photo: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"the secret")
    small = library.folder(ada.id).thumbnails / f"{photo}.webp"
    small.unlink()
    small.symlink_to(tmp_path / "secret")
    refused("NAME_INVALID", photos.thumbnail, library, ada.id, photo)


@pytest.mark.parametrize(
    "place", ["images/{}.txt", "records/{}.jpg.json", ".cache/measured/{}.jpg.json", "character.json", "images/new.jpg"]
)
def test_nobody_waits_for_a_pipe(library: Library, ada: Character, photo: str, place: str) -> None:
    """It would be opened and never read to its end; the list goes on."""
    path = library.folder(ada.id).path / place.format(Path(photo).stem)
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    answers: list[int] = []
    thread = threading.Thread(target=lambda: answers.append(query.search(library, query.Query()).total), daemon=True)
    thread.start()
    thread.join(60)
    try:
        assert answers == [0 if place == "character.json" else 1]
        if place == "character.json":
            refused("CHARACTER_MISSING", characters.get, library, ada.id)
        if place == "images/new.jpg":
            refused("PHOTO_UNREADABLE", read_bytes, path)
    finally:
        if thread.is_alive():  # lets it go
            os.close(os.open(path, os.O_RDWR))
