"""Photos go in as people have them and stay whole, upright and private."""

from __future__ import annotations

import os
import signal
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pillow_heif
import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from isengard.library import adoption, photos, query
from isengard.library.characters import Character
from isengard.library.photos import Source
from isengard.library.records import read_record
from isengard.library.store import Library
from isengard.tests.library.photographed import added, exif, working
from isengard.tests.media.made import BLUE, GREEN, RED, WHITE, corners, near, noise, png_header, quarters, save


def test_a_phone_photo_becomes_upright_and_private_and_its_bytes_are_kept(
    library: Library, ada: Character, tmp_path: Path
) -> None:
    path = save(tmp_path / "IMG_0001.JPG", quarters((2400, 1600)).transpose(Image.Transpose.ROTATE_90), exif=exif(6))
    (file,) = added(library, ada.id, Source(path=path))
    image = working(library, ada.id, file)
    assert file == "img-0001.jpg"
    assert image.size == (2048, 1365)
    assert all(near(found, wanted, 12) for found, wanted in zip(corners(image), (RED, GREEN, BLUE), strict=True))
    data = (library.folder(ada.id).images / file).read_bytes()
    assert b"SecretCam" not in data
    assert b"Exif" not in data
    record = read_record(library.folder(ada.id), file)
    assert record is not None
    assert (library.folder(ada.id).originals / record.original).read_bytes() == path.read_bytes()
    photo = query.one(library, ada.id, file)
    assert (photo.title, photo.taken[:10], photo.width, photo.state) == ("IMG_0001.JPG", "2024-05-06", 2048, "ok")


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tif", "bmp", "heic", "avif"])
def test_every_format_is_told_by_content_whatever_its_name_says(
    library: Library, ada: Character, tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"photo.{ending}"
    if ending == "heic":
        pillow_heif.from_pillow(quarters()).save(path)
    else:
        save(path)
    lying = path.rename(tmp_path / "photo.dat")
    (file,) = added(library, ada.id, Source(path=lying, title="photo.exe"))
    assert all(near(a, b, 16) for a, b in zip(corners(working(library, ada.id, file)), (RED, GREEN, BLUE), strict=True))
    assert Path(file).stem == "photo"


def test_a_clean_photo_is_kept_byte_for_byte(library: Library, ada: Character, tmp_path: Path) -> None:
    path = save(tmp_path / "clean.png", noise())
    (file,) = added(library, ada.id, Source(path=path))
    assert (library.folder(ada.id).images / file).read_bytes() == path.read_bytes()


def test_what_a_program_wrote_into_a_png_does_not_go_with_the_photo(
    library: Library, ada: Character, tmp_path: Path
) -> None:
    """The prompt or workflow of a picture that was made; it may stand at the file's end, too."""
    notes = PngInfo()
    notes.add_text("workflow", "of somebody", zip=False)
    begins = save(tmp_path / "begins.png", noise(seed=1), pnginfo=notes)
    chunk = b"tEXtprompt\0of somebody"
    packed = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    plain = save(tmp_path / "plain.png", noise()).read_bytes()
    ends = tmp_path / "ends.png"
    ends.write_bytes(plain[:-12] + packed + plain[-12:])
    for file in added(library, ada.id, Source(path=begins), Source(path=ends)):
        assert b"of somebody" not in (library.folder(ada.id).images / file).read_bytes()


def test_a_large_photo_is_scaled_down_though_nothing_else_is_wrong_with_it(
    library: Library, ada: Character, tmp_path: Path
) -> None:
    paths = [save(tmp_path / f"{side}.jpg", quarters((side, side * 3 // 4)), quality=92) for side in (3900, 2200, 2048)]
    files = added(library, ada.id, *(Source(path=path) for path in paths))
    assert [working(library, ada.id, file).size for file in files] == [(1950, 1463), (2048, 1536), (2048, 1536)]
    assert (library.folder(ada.id).images / files[2]).read_bytes() == paths[2].read_bytes()


def test_colours_are_converted_and_transparency_becomes_white(library: Library, ada: Character, tmp_path: Path) -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    one = save(tmp_path / "one.png", icc_profile=lab)
    clear = quarters().convert("RGBA")
    clear.putalpha(0)
    two = save(tmp_path / "two.png", clear)
    files = added(library, ada.id, Source(path=one), Source(path=two))
    assert "icc_profile" not in working(library, ada.id, files[0]).info
    assert near(working(library, ada.id, files[1]).getpixel((5, 5)), WHITE)


def test_what_is_wrong_with_one_photo_does_not_stop_the_others(
    library: Library, ada: Character, tmp_path: Path
) -> None:
    good = save(tmp_path / "good.jpg")
    text = tmp_path / "text.jpg"
    text.write_text("<svg onload=alert(1)>")
    bomb = tmp_path / "bomb.png"
    bomb.write_bytes(png_header(60000, 60000))
    short = tmp_path / "short.jpg"
    short.write_bytes(good.read_bytes()[:700])
    small = save(tmp_path / "small.png", noise((20, 20)))
    raw = tmp_path / "raw.nef"
    raw.write_bytes(b"II*\0" + bytes(100))
    sources = [Source(path=path) for path in (text, bomb, good, short, small, raw, tmp_path / "missing.jpg")]
    sources.append(Source(path=good, title="renamed.CR2"))
    found = list(photos.add(library, ada.id, sources))
    codes = [item.error.code if item.error else item.file for item in found]
    assert codes == [
        "PHOTO_UNREADABLE", "PHOTO_TOO_LARGE", "good.jpg", "PHOTO_UNREADABLE", "PHOTO_TOO_SMALL", "PHOTO_UNREADABLE",
        "PHOTO_UNREADABLE", "PHOTO_UNREADABLE",
    ]  # fmt: skip
    assert [path.name for path in library.folder(ada.id).images.iterdir()] == ["good.jpg"]
    assert not list((library.root / ".scratch").iterdir())


def test_the_same_bytes_are_taken_once(library: Library, ada: Character, tmp_path: Path) -> None:
    path = save(tmp_path / "a.jpg", noise())
    copy = tmp_path / "b.jpg"
    copy.write_bytes(path.read_bytes())
    first, second = photos.add(library, ada.id, [Source(path=path), Source(path=copy)])
    again = next(photos.add(library, ada.id, [Source(path=copy)]))
    assert sorted((first.file, second.file)) in (["", "a.jpg"], ["", "b.jpg"])
    assert (first.twin or second.twin) == (first.file or second.file) == again.twin


@pytest.mark.parametrize(
    "title", ["王.jpg", "💡💡.png", "x" * 300 + ".jpg", "CON.jpg", "..\\..\\a.jpg", "../../b.jpg", "", ".jpg"]
)
def test_any_title_gets_a_safe_name_and_is_shown_as_it_was(
    library: Library, ada: Character, tmp_path: Path, title: str
) -> None:
    path = save(tmp_path / "given.png", noise())
    before = sorted(item.name for item in tmp_path.iterdir())
    (file,) = added(library, ada.id, Source(path=path, title=title))
    assert file.isascii()
    assert (library.folder(ada.id).images / file).is_file()
    assert sorted(item.name for item in tmp_path.iterdir()) == before
    if title:
        assert query.one(library, ada.id, file).title


def test_equal_names_do_not_overwrite(library: Library, ada: Character, tmp_path: Path) -> None:
    sources = [Source(path=save(tmp_path / f"{n}.png", noise(seed=n)), title="IMG.jpg") for n in range(4)]
    assert sorted(added(library, ada.id, *sources)) == ["img-2.png", "img-3.png", "img-4.png", "img.png"]


def test_captions_come_along(library: Library, ada: Character, tmp_path: Path) -> None:
    for name in ("10_ohwx woman/a.png", "b.png", "c.png"):
        save(tmp_path / "set" / name, noise(seed=len(name) + ord(name[-5])))
    (tmp_path / "set" / "10_ohwx woman" / "a.txt").write_text("in a park\n")
    (tmp_path / "set" / "b.txt").write_bytes("café".encode("latin-1"))
    found = list(photos.add(library, ada.id, photos.folder_sources(tmp_path / "set")))
    assert {item.file: query.one(library, ada.id, item.file).caption for item in found} == {
        "a.png": "in a park",
        "b.png": "",
        "c.png": "",
    }
    assert "UTF-8" in next(item.note for item in found if item.file == "b.png")


def test_an_import_that_is_left_early_keeps_what_was_reported(library: Library, ada: Character, tmp_path: Path) -> None:
    sources = [Source(path=save(tmp_path / f"{n}.png", noise(seed=n))) for n in range(12)]
    work = photos.add(library, ada.id, sources)
    first = next(work)
    work.close()  # type: ignore[attr-defined]
    total = query.search(library, query.Query(characters=(ada.id,))).total
    assert 1 <= total < 12
    assert library.folder(ada.id).find_image(first.file)
    assert not list((library.root / ".scratch").iterdir())


def test_a_process_that_died_is_replaced(library: Library, ada: Character, tmp_path: Path) -> None:
    sources = [Source(path=save(tmp_path / f"{n}.png", noise(seed=n))) for n in range(4)]
    list(photos.add(library, ada.id, sources[:2]))
    assert library.workers._free
    for worker in library.workers._free:
        worker._process.kill()
    assert [item.error for item in photos.add(library, ada.id, sources[2:])] == [None, None]


def test_a_process_that_dies_at_a_photo_costs_that_photo_alone(
    library: Library, ada: Character, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    added(library, ada.id, Source(path=save(tmp_path / "before.png", noise(seed=1))))
    waiting = [worker._process for worker in library.workers._free]
    assert waiting
    for process in waiting:
        process.send_signal(signal.SIGSTOP)  # none of them answers
    monkeypatch.setattr("isengard.library.workers.TIME_LIMIT", 0.1)
    path = save(tmp_path / "a.png", noise())
    (lost,) = photos.add(library, ada.id, [Source(path=path)])
    assert lost.error is not None
    assert lost.error.code == "PHOTO_UNREADABLE"
    monkeypatch.undo()
    for process in waiting:
        process.send_signal(signal.SIGCONT)
    assert added(library, ada.id, Source(path=path)) == ["a.png"]


def test_the_same_photo_in_two_uploads_at_once_is_taken_once(library: Library, ada: Character, tmp_path: Path) -> None:
    """Each request adds by itself; none knows what the other is about to add."""
    photo = save(tmp_path / "a.jpg", noise())

    def sources() -> Iterator[Source]:
        assert [item.file for item in photos.add(library, ada.id, [Source(path=photo)])] == ["a.jpg"]
        yield Source(path=photo, title="again.jpg")

    (added,) = photos.add(library, ada.id, sources())
    assert (added.file, added.twin) == ("", "a.jpg")


def test_a_photo_whose_twin_was_replaced_is_taken(library: Library, ada: Character, tmp_path: Path) -> None:
    """What a record said when it was last read counts no more when it has changed."""
    first, second = (save(tmp_path / f"{seed}.jpg", noise(seed=seed)) for seed in range(2))
    (added,) = photos.add(library, ada.id, [Source(path=first)])
    folder = library.folder(ada.id)
    image = folder.images / added.file
    image.write_bytes(second.read_bytes())
    os.utime(image, (1, 1))
    assert [item.what for item in adoption.take_in(library, ada.id)] == ["changed"]
    (again, twin) = photos.add(library, ada.id, [Source(path=first), Source(path=second)])
    assert (bool(again.file), twin.twin) == (True, added.file)


def test_of_two_with_the_same_bytes_the_first_stays_whatever_fails_between_them(
    library: Library, ada: Character, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first takes long to be looked at, the one between is refused at once, and the second is ready early."""
    first, between, second = (tmp_path / name for name in ("first.png", "between.jpg", "second.png"))
    save(first, noise())
    between.write_text("<html>")
    second.write_bytes(first.read_bytes())
    looked_at = threading.Event()
    take = library.workers.take

    @contextmanager
    def in_that_order(source: Path, *args: Any, **values: Any) -> Iterator[Any]:
        with take(source, *args, **values) as found:
            if source == second:
                looked_at.set()
            elif source == first:
                looked_at.wait(20)
                time.sleep(0.3)  # what is ready goes on meanwhile, if it may
            yield found

    monkeypatch.setattr(library.workers, "take", in_that_order)
    monkeypatch.setattr(library.workers, "count", 3)
    outcomes = list(photos.add(library, ada.id, [Source(path=path) for path in (first, between, second)]))
    assert [(item.file, item.twin) for item in outcomes] == [("first.png", ""), ("", ""), ("", "first.png")]
