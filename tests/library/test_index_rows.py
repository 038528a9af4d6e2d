"""What is read of a folder is what is in it, whatever else happens there at that moment."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from isengard.library import photos
from isengard.library.characters import Character
from isengard.library.index_rows import COLUMNS, on_disk, read_row
from isengard.library.photos import Source
from isengard.library.store import Library
from isengard.tests.library.flicker import coming_and_going
from isengard.tests.media.made import noise, save


def test_photos_that_stay_are_seen_while_others_come_and_go(library: Library, ada: Character, tmp_path: Path) -> None:
    """A file that goes between being named and being looked at takes nobody with it."""
    (added,) = photos.add(library, ada.id, [Source(path=save(tmp_path / "a.jpg", noise()))])
    folder = library.folder(ada.id)
    assert all(added.file in on_disk(folder, "") for _ in coming_and_going(folder.images, "b.jpg"))


def test_a_photo_that_cannot_be_read_at_the_moment_counts_as_changed(
    library: Library, ada: Character, tmp_path: Path
) -> None:
    """Another program holds it, or it has just gone: no reason not to list the others."""
    (added,) = photos.add(library, ada.id, [Source(path=save(tmp_path / "a.jpg", noise()))])
    folder = library.folder(ada.id)
    found = on_disk(folder, "")[added.file]
    found.path.unlink()
    row = dict(zip(COLUMNS, read_row(folder, added.file, replace(found, size=1), "ohwx"), strict=True))
    assert (row["state"], row["title"]) == ("changed", "a.jpg")
