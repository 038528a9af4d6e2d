"""The gallery: files are the truth, lists are quick, nothing is lost by deleting or by damage."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from isengard.errors import IsengardError
from isengard.library import gallery, gallery_index, trash
from isengard.library.gallery import Picture
from isengard.library.gallery_index import Page, Query
from isengard.library.store import Library
from isengard.media.png import read_settings, write_png
from isengard.tests.library.flicker import coming_and_going


def made_with(prompt: str, *characters: str, size: tuple[int, int] = (64, 48), **more: Any) -> dict[str, Any]:
    """Settings as a request gives them."""
    loras = [
        {"file": f"{one}.safetensors", "strength": 1.0, "character": one, "lora": f"{one}-1"} for one in characters
    ]
    known = {"format": 1, "prompt": prompt, "sent": prompt, "base": {}, "family": "mini", "steps": 3, "guidance": 3.5}
    return {**known, "loras": loras, "width": size[0], "height": size[1], "seed": 1, **more}


def add(library: Library, prompt: str, *characters: str, **more: Any) -> Picture:
    """A picture in the gallery."""
    settings = made_with(prompt, *characters, **more)
    file = library.root / "made.png"
    write_png(Image.new("RGB", (settings["width"], settings["height"]), "teal"), file, settings)
    return gallery.add(library, file, settings)


def ids(page: Page | Iterable[Picture]) -> list[str]:
    """The ids on a page."""
    return [picture.id for picture in (page.pictures if isinstance(page, Page) else page)]


def search(library: Library, **query: Any) -> Page:
    """A page of the gallery."""
    return gallery_index.search(library, Query(**query))


def test_a_picture_is_kept_with_what_made_it(library: Library) -> None:
    """As ordinary files in the folder of its month, found by its number."""
    picture = add(library, "in the rain", "ada", seed=7)
    path = gallery.path_of(library, picture.id)
    assert path.parent == library.root / "gallery" / picture.created[:7]
    assert sorted(file.name for file in path.parent.iterdir()) == [f"{picture.id}.json", f"{picture.id}.png"]
    assert gallery.get(library, picture.id) == picture
    assert read_settings(path) == dict(picture.settings)
    assert (picture.prompt, picture.characters, picture.size) == ("in the rain", ("ada",), (64, 48))
    assert search(library).pictures == (picture,)


def test_lists_are_newest_first_page_by_page(library: Library) -> None:
    """A page goes on where the last one ended, also when new pictures have come meanwhile."""
    made = [add(library, f"number {index}").id for index in range(7)]
    newest = made[::-1]
    first = search(library, limit=3)
    assert ids(first) == newest[:3]
    assert first.total == 7
    late = add(library, "late").id
    second = search(library, limit=3, cursor=first.cursor)
    third = search(library, limit=3, cursor=second.cursor)
    assert ids(second) + ids(third) == newest[3:]
    assert third.cursor == ""
    assert ids(search(library, limit=1)) == [late]


def test_filters_hold_together(library: Library) -> None:
    """Character, LoRA and words of the prompt in any order, case and Unicode form."""
    rain = add(library, "Ada in the RAIN at the Café", "ada").id
    both = add(library, "a café in winter", "ada", "bob").id
    add(library, "nobody, 100% rain_coat")
    assert ids(search(library, character="ada")) == [both, rain]
    assert ids(search(library, character="bob")) == [both]
    assert ids(search(library, character="ad")) == []
    assert ids(search(library, lora="ada-1", text="rain")) == [rain]
    assert ids(search(library, text="cafe\u0301 rain")) == [rain]
    assert search(library, text="rain").total == 2
    assert search(library, text="100%").total == 1
    assert search(library, text="10_").total == 0


def test_the_index_can_be_deleted_or_broken(library: Library) -> None:
    """It is made again from the files."""
    made = [add(library, f"number {index}", "ada").id for index in range(3)]
    before = search(library)
    index = library.root / "gallery.sqlite"
    index.unlink()
    assert search(library) == before
    index.write_bytes(b"no database at all" * 100)
    assert search(library) == before
    assert ids(before) == made[::-1]


def test_what_happens_to_files_by_hand_is_seen(library: Library) -> None:
    """Pictures put there, taken away or renamed; a month's folder removed whole."""
    kept = add(library, "kept")
    gone = add(library, "gone")
    search(library)
    path = gallery.path_of(library, gone.id)
    path.unlink()
    other = path.with_name("from another computer.png")
    write_png(Image.new("RGB", (64, 64)), other, made_with("copied", "ada", size=(64, 64)))
    page = search(library)
    assert set(ids(page)) == {kept.id, other.stem}
    copied = gallery.get(library, other.stem)
    assert (copied.prompt, copied.characters, copied.problem) == ("copied", ("ada",), "")
    other.rename(other.with_name("renamed.png"))
    assert set(ids(search(library))) == {kept.id, "renamed"}
    for file in path.parent.iterdir():
        file.unlink()
    path.parent.rmdir()
    assert search(library).total == 0


def test_a_thumbnail_is_made_once(library: Library) -> None:
    """A WebP, no larger than needed; small pictures keep their size."""
    large, small = add(library, "x", size=(1216, 832)), add(library, "y", size=(128, 96))
    first = gallery.thumbnail(library, large.id)
    with Image.open(first) as image:
        assert (image.format, image.size) == ("WEBP", (384, 263))
    born = first.stat().st_mtime_ns
    assert gallery.thumbnail(library, large.id).stat().st_mtime_ns == born
    with Image.open(gallery.thumbnail(library, small.id)) as image:
        assert image.size == (128, 96)
    assert search(library).total == 2


def test_deleting_can_be_undone(library: Library) -> None:
    """The files go to the trash under the picture's number, with what the list of the trash shows, and come back."""
    picture, other = add(library, "in  the\nrain", "ada"), add(library, "other")
    before = search(library)
    gallery.thumbnail(library, picture.id)
    entry = gallery.delete(library, picture.id)
    assert (entry.id, entry.kind, entry.label, entry.character) == (picture.id, "picture", "in the rain", "ada")
    assert [found.id for found in trash.entries(library)] == [picture.id]
    assert ids(search(library)) == [other.id]
    assert not list((library.root / "gallery").rglob(f"{picture.id}*"))
    with pytest.raises(IsengardError) as caught:
        gallery.get(library, picture.id)
    assert caught.value.code == "PICTURE_MISSING"
    assert gallery.restore(library, picture.id) == picture
    assert search(library) == before
    assert trash.entries(library) == []


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../gallery", "/", "a/b", "a\\b", "C:x", "nul", ".thumbnails", "x" * 300, "é\x00"]
)
def test_no_name_leads_out(library: Library, name: str) -> None:
    """Nothing is read, deleted or restored by a name that is none of ours."""
    add(library, "x")
    for action in (gallery.get, gallery.delete, gallery.restore, gallery.thumbnail):
        with pytest.raises(IsengardError) as caught:
            action(library, name)
        assert caught.value.code == "PICTURE_MISSING"
    assert search(library).total == 1


def test_a_link_out_of_the_gallery_is_no_picture(library: Library, tmp_path: Path) -> None:
    """A PNG elsewhere is not served."""
    picture = add(library, "x")
    secret = tmp_path / "secret.png"
    Image.new("RGB", (64, 64)).save(secret)
    gallery.path_of(library, picture.id).with_name("linked.png").symlink_to(secret)
    with pytest.raises(IsengardError) as caught:
        gallery.path_of(library, "linked")
    assert caught.value.code == "PICTURE_MISSING"


def test_ten_thousand_pictures_are_listed_quickly(library: Library) -> None:
    """A page, a search and a count take little once the index is there, also right after a new picture.

    The processor's time is measured, which other programs on the machine hardly change.
    """
    month = library.root / "gallery" / "2026-01"
    month.mkdir(parents=True)
    for index in range(10_000):
        stem = month / f"20260101-000000-{index:06d}"
        stem.with_suffix(".png").touch()
        record = {
            "format": 1,
            "created": f"2026-01-01T00:00:00.{index:06d}",
            "settings": made_with(f"picture {index}", "ada"),
        }
        stem.with_suffix(".json").write_text(json.dumps(record))
    assert search(library).total == 10_000
    time.sleep(2.1)  # a folder that changed a moment ago is looked through once more
    search(library)
    started = time.process_time()
    page = search(library, character="ada", text="picture 4711")
    quick = time.process_time() - started
    assert ids(page) == ["20260101-000000-004711"]
    new = add(library, "the newest")
    started = time.process_time()
    assert ids(search(library, limit=1)) == [new.id]
    assert quick < 0.1
    assert time.process_time() - started < 0.4


def test_a_month_is_listed_whole_while_pictures_in_it_come_and_go(library: Library) -> None:
    """A file that goes between being named and being looked at takes nobody with it."""
    add(library, "stays")
    (month,) = gallery.months(library)
    assert all(len(gallery_index._on_disk(month)) >= 1 for _ in coming_and_going(month, "b.png"))
