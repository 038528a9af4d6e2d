"""Photos go in as people have them and stay whole, upright, private and undoable."""

from __future__ import annotations

from pathlib import Path

import pillow_heif
import pytest
from PIL import Image, ImageCms

from isengard.errors import IsengardError
from isengard.library import characters, photos, query
from isengard.library.characters import Character
from isengard.library.photos import Source
from isengard.library.records import Edit, read_record
from isengard.library.store import Library
from isengard.tests.library.corpus import BAD_NAMES
from isengard.tests.media.made import BLUE, GREEN, RED, WHITE, corners, near, noise, png_header, quarters, save

GPS = {1: "N", 2: (52.0, 30.0, 0.0), 3: "E", 4: (13.0, 24.0, 0.0)}


def exif(orientation: int = 1) -> Image.Exif:
    found = Image.Exif()
    found[0x0112] = orientation
    found[0x010F] = "SecretCam"
    found[0x0110] = "Model X"
    found.get_ifd(0x8825).update(GPS)
    found.get_ifd(0x8769)[0x9003] = "2024:05:06 07:08:09"
    return found


def added(library: Library, slug: str, *sources: Source) -> list[str]:
    """Adds photos, all of which must be taken."""
    found = list(photos.add(library, slug, sources))
    assert not [item.error for item in found if item.error]
    return [item.file for item in found]


def working(library: Library, slug: str, file: str) -> Image.Image:
    path = library.folder(slug).find_image(file)
    assert path is not None
    with Image.open(path) as image:
        image.load()
        return image


def refused(code: str, action: object, *args: object, **values: object) -> IsengardError:
    with pytest.raises(IsengardError) as caught:
        action(*args, **values)  # type: ignore[operator]
    assert caught.value.code == code
    return caught.value


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
    monkeypatch.setattr("isengard.library.workers.TIME_LIMIT", 0.0)
    path = save(tmp_path / "a.png", noise())
    (lost,) = photos.add(library, ada.id, [Source(path=path)])
    assert lost.error is not None
    assert lost.error.code == "PHOTO_UNREADABLE"
    monkeypatch.undo()
    assert added(library, ada.id, Source(path=path)) == ["a.png"]
