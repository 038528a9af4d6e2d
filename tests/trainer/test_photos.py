"""Photos of every kind, good and bad, as real files."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms, ImageFile, features

from isengard.errors import IsengardError
from isengard.trainer.captions import place_trigger, read_caption
from isengard.trainer.photos import find_photos, inspect_photo, load_photo, read_folder
from isengard.trainer.pictures import picture_format

RED, GREEN, BLUE, WHITE = (220, 30, 30), (30, 200, 30), (30, 30, 220), (255, 255, 255)


MODES = {
    "png": ["1", "L", "LA", "P", "RGBA", "I;16"],
    "tif": ["1", "L", "LA", "P", "RGBA", "I;16", "I", "F", "CMYK", "YCbCr", "LAB"],
    "jpg": ["L", "CMYK"],
    "webp": ["RGB"],
    "bmp": ["1", "L", "P"],
}
"""Modes in which Pillow reads back what it wrote."""


def quarters(size: tuple[int, int] = (240, 160)) -> Image.Image:
    """Red top left, green top right, blue bottom left, white bottom right."""
    image = Image.new("RGB", size, WHITE)
    half = (size[0] // 2, size[1] // 2)
    image.paste(RED, (0, 0, *half))
    image.paste(GREEN, (half[0], 0, size[0], half[1]))
    image.paste(BLUE, (0, half[1], half[0], size[1]))
    return image


def noise(size: tuple[int, int] = (240, 160), seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))


def save(path: Path, image: Image.Image | None = None, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    (image or quarters()).save(path, **options)  # type: ignore[arg-type]
    return path


def corners(image: Image.Image) -> list[tuple[int, ...]]:
    w, h = image.size
    return [tuple(image.getpixel(at)) for at in ((w // 4, h // 4), (3 * w // 4, h // 4), (w // 4, 3 * h // 4))]  # type: ignore[arg-type]


def near(found: object, wanted: object, by: float = 6) -> bool:
    return bool(np.abs(np.asarray(found, dtype=float) - np.asarray(wanted, dtype=float)).max() <= by)


def refused(action: Callable[[], object]) -> IsengardError:
    with pytest.raises(IsengardError) as caught:
        action()
    assert caught.value.hint
    return caught.value


# Pixels


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tif"])
def test_photos_are_turned_upright(tmp_path: Path, orientation: int, ending: str) -> None:
    undo = [None, 0, 3, 1, 5, 2, 6, 4][orientation - 1]  # Pillow's own numbers for the inverse turns
    stored = quarters() if undo is None else quarters().transpose(Image.Transpose(undo))
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if ending == "webp" else {"quality": 98} if ending == "jpg" else {}
    path = save(tmp_path / f"a.{ending}", stored, exif=exif, **options)
    info = inspect_photo(path)
    assert (info.width, info.height) == (240, 160)
    assert near(corners(load_photo(path, (240, 160))), [RED, GREEN, BLUE], 12)


def test_damaged_exif_counts_as_none(tmp_path: Path) -> None:
    path = save(tmp_path / "a.jpg", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff garbage")
    assert (inspect_photo(path).width, load_photo(path, (96, 64)).size) == (240, (96, 64))


@pytest.mark.parametrize(("ending", "mode"), [(ending, mode) for ending, modes in MODES.items() for mode in modes])
def test_every_mode_that_a_format_can_hold_becomes_rgb(tmp_path: Path, mode: str, ending: str) -> None:
    source = Image.new("L", (120, 120), 200)
    if mode in ("I;16", "I"):
        image = Image.fromarray(np.full((120, 120), 200 * 257, dtype=np.uint16 if mode == "I;16" else np.int32))
    elif mode == "F":
        image = Image.fromarray(np.full((120, 120), 200 / 255, dtype=np.float32))
    elif mode == "LAB":
        image = Image.merge("LAB", [Image.new("L", (120, 120), value) for value in (205, 128, 128)])
    else:
        image = source.convert("RGB").convert(mode) if mode not in ("L", "1") else source.convert(mode)
    path = tmp_path / f"a.{ending}"
    image.save(path)
    with Image.open(path) as stored:
        assert stored.mode == mode
    assert inspect_photo(path).width == 120
    loaded = load_photo(path, (64, 64))
    assert (loaded.mode, loaded.size) == ("RGB", (64, 64))
    mean = np.asarray(loaded, dtype=float).mean(axis=(0, 1))
    assert near(mean, 200, 12), mean


def test_sixteen_bits_keep_their_tones(tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(0, 65535, 256).astype(np.uint16), (64, 1))
    path = save(tmp_path / "a.png", Image.fromarray(ramp))
    found = np.asarray(load_photo(path, (256, 64)))[0, :, 0].astype(int)
    assert near(found, np.arange(256), 1)


def test_what_is_transparent_becomes_white(tmp_path: Path) -> None:
    cutout = quarters().convert("RGBA")
    cutout.putalpha(Image.new("L", (240, 160), 0))
    cutout.paste((*RED, 255), (0, 0, 120, 80))
    cutout.paste((0, 0, 0, 128), (120, 0, 240, 80))
    palette = quarters().quantize(4)
    palette.info["transparency"] = palette.getpixel((10, 150))
    assert near(corners(load_photo(save(tmp_path / "a.png", cutout), (240, 160))), [RED, (127,) * 3, WHITE])
    assert near(corners(load_photo(save(tmp_path / "b.png", palette), (240, 160))), [RED, GREEN, WHITE])


def wide_gamut() -> bytes:
    """A made-up RGB profile: sRGB with its red and green columns swapped, so that it can't be overlooked."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = struct.unpack(">I", data[128:132])[0]
    tags = {bytes(data[at : at + 4]): at for at in range(132, 132 + 12 * count, 12)}
    red, green = tags[b"rXYZ"], tags[b"gXYZ"]
    data[red + 4 : red + 12], data[green + 4 : green + 12] = data[green + 4 : green + 12], data[red + 4 : red + 12]
    return bytes(data)


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tif"])
def test_colour_profiles_are_followed(tmp_path: Path, ending: str) -> None:
    options = {"lossless": True} if ending == "webp" else {"quality": 98} if ending == "jpg" else {}
    path = save(tmp_path / f"a.{ending}", icc_profile=wide_gamut(), **options)
    assert inspect_photo(path).note == ""
    assert near(corners(load_photo(path, (240, 160)))[:2], [(30, 220, 30), (200, 30, 30)], 14)


def test_a_profile_is_followed_under_alpha_and_for_grey(tmp_path: Path) -> None:
    see_through = quarters().convert("RGBA")
    see_through.putalpha(255)
    path = save(tmp_path / "a.png", see_through, icc_profile=wide_gamut())
    assert near(corners(load_photo(path, (240, 160)))[0], (30, 220, 30), 14)
    grey = save(tmp_path / "b.png", Image.new("L", (100, 100), 90), icc_profile=wide_gamut())
    assert inspect_photo(grey).note == ""
    assert near(load_photo(grey, (64, 64)).getpixel((5, 5)), (90, 90, 90))


@pytest.mark.parametrize("profile", [b"garbage", wide_gamut()[:200]])
def test_a_broken_profile_is_tolerated_with_a_note(tmp_path: Path, profile: bytes) -> None:
    path = save(tmp_path / "a.jpg", icc_profile=profile, quality=98)
    assert "colour profile" in inspect_photo(path).note
    assert near(corners(load_photo(path, (240, 160))), [RED, GREEN, BLUE], 12)


def test_a_profile_of_another_kind_of_colours_is_tolerated_with_a_note(tmp_path: Path) -> None:
    path = save(tmp_path / "a.jpg", quarters().convert("CMYK"), icc_profile=wide_gamut())
    assert "colour profile" in inspect_photo(path).note
    assert load_photo(path, (64, 64)).mode == "RGB"


def test_the_first_frame_of_an_animation_is_taken(tmp_path: Path) -> None:
    for ending in ("gif", "webp", "png", "tif"):
        frames = [Image.new("RGB", (100, 100), colour) for colour in (RED, BLUE)]
        path = save(tmp_path / f"a.{ending}", frames[0], save_all=True, append_images=frames[1:])
        assert near(load_photo(path, (64, 64)).getpixel((30, 30)), RED, 8), ending


def test_a_photo_covers_its_bucket_without_being_squeezed(tmp_path: Path) -> None:
    """A wide photo in a square: the sides go, equally; what is left has its shape."""
    image = Image.new("RGB", (400, 100), BLUE)
    image.paste(RED, (150, 0, 250, 100))
    loaded = np.asarray(load_photo(save(tmp_path / "a.png", image), (64, 64)))
    assert near(loaded, np.broadcast_to(RED, loaded.shape), 20)


def test_of_a_tall_photo_more_is_kept_above_than_below(tmp_path: Path) -> None:
    image = Image.new("RGB", (100, 300), WHITE)
    image.paste(RED, (0, 60, 100, 160))  # where a head would be: 30 % of the surplus of 200 lies above
    loaded = np.asarray(load_photo(save(tmp_path / "a.png", image), (100, 100)))
    assert near(loaded, np.broadcast_to(RED, loaded.shape), 20)


def test_a_large_jpeg_looks_the_same_as_its_exact_reduction(tmp_path: Path) -> None:
    y, x = np.mgrid[0:1600, 0:2400]
    image = Image.fromarray(np.stack([x % 256, y % 256, (x + y) // 16 % 256], axis=2).astype(np.uint8)).resize(
        (2400, 1600)
    )
    smooth = image.resize((60, 40), Image.Resampling.BOX).resize((2400, 1600), Image.Resampling.BICUBIC)
    path = save(tmp_path / "a.jpg", smooth, quality=98)
    exact = np.asarray(smooth.resize((240, 160), Image.Resampling.LANCZOS), dtype=float)
    assert np.abs(np.asarray(load_photo(path, (240, 160)), dtype=float) - exact).mean() < 1.5
    assert np.array_equal(np.asarray(load_photo(path, (240, 160))), np.asarray(load_photo(path, (240, 160))))


# Bad files


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds no pixels."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))


@pytest.mark.parametrize("size", [(12000, 9000), (9000, 7600), (60000, 60000), (1, 2**31 - 1)])
def test_too_many_pixels_are_refused_by_the_header(tmp_path: Path, size: tuple[int, int]) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png_header(*size))
    for action in (lambda: inspect_photo(path), lambda: load_photo(path, (64, 64))):
        error = refused(action)
        assert error.code == "PHOTO_TOO_LARGE"
        assert "bomb.png" in error.message
        assert "megapixels" in error.message


def test_a_picture_that_unpacks_to_far_more_is_never_decoded(tmp_path: Path) -> None:
    """A real decompression bomb: 30 kB on the disk, 400 megapixels in memory."""
    path = tmp_path / "bomb.png"
    Image.new("1", (20000, 20000)).save(path, optimize=False)
    assert path.stat().st_size < 100_000
    assert refused(lambda: inspect_photo(path)).code == "PHOTO_TOO_LARGE"


def test_the_largest_phone_photos_are_allowed(tmp_path: Path) -> None:
    path = tmp_path / "phone.png"
    Image.new("1", (9248, 6944)).save(path)
    assert inspect_photo(path).width == 9248


def test_too_many_bytes_are_refused_before_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    with path.open("wb") as file:
        file.truncate(100_000_001)  # a sparse file: nothing is really there
    assert refused(lambda: inspect_photo(path)).code == "PHOTO_TOO_LARGE"


def test_a_thumbnail_is_too_small(tmp_path: Path) -> None:
    error = refused(lambda: inspect_photo(save(tmp_path / "a.png", Image.new("RGB", (500, 63)))))
    assert error.code == "PHOTO_TOO_SMALL"
    assert "500 × 63" in error.message


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tif", "bmp", "gif"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_photo_is_found_at_once(tmp_path: Path, ending: str, share: float) -> None:
    path = save(tmp_path / f"holiday.{ending}", noise())
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    error = refused(lambda: inspect_photo(path))
    assert error.code == "PHOTO_UNREADABLE"
    assert f"holiday.{ending}" in error.message
    assert "BytesIO" not in error.message


def test_truncated_photos_are_found_where_another_pack_made_pillow_lenient(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(tmp_path / "a.jpg", noise())
    path.write_bytes(path.read_bytes()[:9000])
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    assert refused(lambda: inspect_photo(path)).code == "PHOTO_UNREADABLE"
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True, "the host's setting is as it was"


@pytest.mark.parametrize("seed", range(60))
def test_damaged_files_are_refused_or_read_and_never_crash(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    ending = ("jpg", "png", "webp", "tif", "bmp", "gif")[seed % 6]
    path = save(tmp_path / f"a.{ending}", noise((90, 80)))
    data = bytearray(path.read_bytes())
    for _ in range(int(rng.integers(1, 40))):
        data[int(rng.integers(12, min(len(data), 400 if seed % 2 else len(data))))] = int(rng.integers(0, 256))
    path.write_bytes(bytes(data))
    code = "read"
    try:
        inspect_photo(path)
        load_photo(path, (64, 64))
    except IsengardError as error:
        code = error.code
    assert code in ("read", "PHOTO_UNREADABLE", "PHOTO_TOO_LARGE", "PHOTO_TOO_SMALL")


def test_postscript_is_not_run_through_ghostscript(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\nshowpage\n")
    assert refused(lambda: load_photo(path, (64, 64))).code == "PHOTO_UNREADABLE"


def test_camera_raw_is_refused_by_name(tmp_path: Path) -> None:
    path = save(tmp_path / "a.tif").rename(tmp_path / "DSC_0001.NEF")
    error = refused(lambda: inspect_photo(path))
    assert error.code == "PHOTO_UNREADABLE"
    assert "JPEG" in error.hint


def test_heic_is_read(tmp_path: Path) -> None:
    """As phones save it; the reader is registered only when such a photo is met."""
    image = quarters()
    pillow_heif.from_pillow(image).save(tmp_path / "IMG_1.HEIC", quality=95)
    assert inspect_photo(tmp_path / "IMG_1.HEIC").format == "HEIC"
    assert near(corners(load_photo(tmp_path / "IMG_1.HEIC", (240, 160))), [RED, GREEN, BLUE], 14)


def test_a_damaged_heic_is_named(tmp_path: Path) -> None:
    path = tmp_path / "IMG_1.HEIC"
    path.write_bytes(struct.pack(">I", 24) + b"ftypheic" + b"\0\0\0\0" + b"mif1heic" + b"\0" * 100)
    error = refused(lambda: inspect_photo(path))
    assert error.code == "PHOTO_UNREADABLE"
    assert "HEIC" in error.message


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow can't write AVIF")
def test_avif_is_read(tmp_path: Path) -> None:
    path = save(tmp_path / "a.avif", quality=95)
    assert inspect_photo(path).format == "AVIF"
    assert near(corners(load_photo(path, (240, 160))), [RED, GREEN, BLUE], 14)


def test_a_missing_photo_says_so(tmp_path: Path) -> None:
    assert "No such file" in refused(lambda: load_photo(tmp_path / "a.jpg", (64, 64))).message


# Folders


def test_pictures_are_told_by_content_and_listed_in_natural_order(tmp_path: Path) -> None:
    save(tmp_path / "photo10.jpg")
    save(tmp_path / "Photo2.jpg")
    save(tmp_path / "photo1.png", format="WEBP")
    save(tmp_path / "no ending", format="PNG")
    save(tmp_path / ".hidden.jpg")
    save(tmp_path / "._photo1.png")
    save(tmp_path / "sub" / "a.jpg")
    (tmp_path / "notes.txt").write_text("BM is how this text begins")
    (tmp_path / "Thumbs.db").write_bytes(b"x")
    (tmp_path / "fake.jpg").write_text("this is no picture")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
    found = find_photos(tmp_path)
    assert [item.path.name for item in found.photos] == [
        "fake.jpg",
        "no ending",
        "photo1.png",
        "Photo2.jpg",
        "photo10.jpg",
    ]
    assert [path.name for path in found.others] == ["notes.txt", *(["pipe"] if hasattr(os, "mkfifo") else [])]
    assert [path.name for path in found.folders] == ["sub"]
    assert inspect_photo(tmp_path / "photo1.png").format == "WEBP"


def test_kohyas_folders_are_read_with_their_repeats(tmp_path: Path) -> None:
    for name in ("10_ohwx woman/a.jpg", "2_ohwx woman/b.jpg", "0_none/c.jpg", "other/d.jpg", "e.jpg"):
        save(tmp_path / name, noise(seed=len(name)))
    found = {item.path.name: item.repeats for item in find_photos(tmp_path).photos}
    assert found == {"e.jpg": 1, "b.jpg": 2, "a.jpg": 10}


def test_a_good_folder_gives_photos_with_captions(tmp_path: Path) -> None:
    for number in range(6):
        save(tmp_path / f"{number}.jpg", noise(seed=number))
        (tmp_path / f"{number}.txt").write_text(f"\ufeffin a\n park {number} \n", encoding="utf-8")
    found = read_folder(tmp_path)
    assert [photo.caption for photo in found.photos] == [f"in a park {number}" for number in range(6)]
    assert found.warnings == ()
    assert len({photo.info.sha256 for photo in found.photos}) == 6


def test_all_bad_photos_and_captions_are_reported_in_one_error(tmp_path: Path) -> None:
    for number in range(3):
        save(tmp_path / f"good{number}.jpg", noise(seed=number))
    (tmp_path / "bad1.jpg").write_text("hello")
    (tmp_path / "bad2.png").write_bytes(png_header(12000, 9000))
    (tmp_path / "good1.txt").write_bytes("Müller am See".encode("latin-1"))
    (tmp_path / "good2.txt").write_text("x" * 10_000)
    error = refused(lambda: read_folder(tmp_path))
    assert error.code == "PHOTO_UNREADABLE"
    assert "4 of 5 photos" in error.message
    found = [(row["file"], row["code"]) for row in error.details["photos"]]
    assert found == [
        ("bad1.jpg", "PHOTO_UNREADABLE"),
        ("bad2.png", "PHOTO_TOO_LARGE"),
        ("good1.jpg", "CAPTION_UNREADABLE"),
        ("good2.jpg", "CAPTION_TOO_LONG"),
    ]
    assert all(row["hint"] for row in error.details["photos"])


def test_one_bad_photo_among_good_ones_keeps_its_own_words(tmp_path: Path) -> None:
    for number in range(3):
        save(tmp_path / f"good{number}.jpg", noise(seed=number))
    save(tmp_path / "tiny.png", Image.new("RGB", (20, 20)))
    error = refused(lambda: read_folder(tmp_path))
    assert (error.code, len(error.details["photos"])) == ("PHOTO_TOO_SMALL", 1)
    assert error.message.startswith("tiny.png has 20 × 20 pixels")


def test_a_folder_of_text_files_says_what_it_holds(tmp_path: Path) -> None:
    for name in ("a.txt", "b.TXT", "c.json", "README"):
        (tmp_path / name).write_text("words")
    save(tmp_path / "inside" / "a.jpg")
    error = refused(lambda: read_folder(tmp_path))
    assert error.code == "PHOTOS_NONE"
    for part in ("4 files", "2 .txt", "1 .json", "1 without an ending", "inside"):
        assert part in error.message


@pytest.mark.parametrize("name", ["", "missing", "file.txt"])
def test_an_empty_or_missing_folder_or_a_file_says_so(tmp_path: Path, name: str) -> None:
    if name == "file.txt":
        (tmp_path / name).write_text("x")
    error = refused(lambda: read_folder(tmp_path / name))
    assert error.code == "PHOTOS_NONE"
    assert {"": "is empty", "missing": "No such file", "file.txt": "is a file"}[name] in error.message


def test_one_photo_is_too_few_and_so_is_one_photo_twice(tmp_path: Path) -> None:
    path = save(tmp_path / "a.jpg")
    assert refused(lambda: read_folder(tmp_path)).code == "PHOTOS_TOO_FEW"
    (tmp_path / "copy.jpg").write_bytes(path.read_bytes())
    error = refused(lambda: read_folder(tmp_path))
    assert error.code == "PHOTOS_TOO_FEW"
    assert "2 times" in error.message


@pytest.mark.parametrize("count", [2, 4, 5])
def test_few_photos_are_warned_about(tmp_path: Path, count: int) -> None:
    for number in range(count):
        save(tmp_path / f"{number}.jpg", noise(seed=number))
        (tmp_path / f"{number}.txt").write_text("smiling")
    warnings = read_folder(tmp_path).warnings
    assert [text for text in warnings if f"Only {count} photos" in text] == list(warnings[: count < 5])


def test_the_same_picture_twice_is_used_once_and_with_its_caption(tmp_path: Path) -> None:
    for number in range(5):
        save(tmp_path / f"{number}.jpg", noise(seed=number))
        (tmp_path / f"{number}.txt").write_text(f"caption {number}")
    (tmp_path / "3 (1).jpg").write_bytes((tmp_path / "3.jpg").read_bytes())  # comes before 3.jpg and has no caption
    found = read_folder(tmp_path)
    assert [photo.caption for photo in found.photos] == [f"caption {number}" for number in range(5)]
    assert len(found.warnings) == 1
    assert "3 (1).jpg, 3.jpg are the same picture" in found.warnings[0]


def test_photos_without_captions_are_named(tmp_path: Path) -> None:
    for number in range(6):
        save(tmp_path / f"{number}.jpg", noise(seed=number))
    assert "No photo has a caption" in read_folder(tmp_path).warnings[0]
    (tmp_path / "0.txt").write_text("smiling")
    assert "5 of 6 photos have no caption" in read_folder(tmp_path).warnings[0]


def test_a_name_that_is_no_text_can_be_shown(tmp_path: Path) -> None:
    for number in range(2):
        save(tmp_path / f"{number}.jpg", noise(seed=number))
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jpg"))
    try:
        path.write_text("no picture")
    except OSError:
        pytest.skip("this disk takes only names that are UTF-8")
    error = refused(lambda: read_folder(tmp_path))
    str(error.as_dict()).encode("utf-8")


# Captions


def test_captions_are_read_on_one_line_and_missing_ones_are_empty(tmp_path: Path) -> None:
    (tmp_path / "a.b.txt").write_bytes(b"\xef\xbb\xbf  two\r\nlines\t here ")
    assert read_caption(tmp_path / "a.b.jpg") == "two lines here"
    assert read_caption(tmp_path / "c.jpg") == ""


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ("x" * 2000, ""),
        ("x" * 2001, "CAPTION_TOO_LONG"),
        ("é" * 2000, ""),
        ("y" * 1_000_000, "CAPTION_TOO_LONG"),
        ("café".encode("latin-1"), "CAPTION_UNREADABLE"),
        ("café".encode("utf-16"), "CAPTION_UNREADABLE"),
        (b"abc\x00def", "CAPTION_UNREADABLE"),
    ],
)
def test_captions_of_the_wrong_kind_or_length_are_refused(tmp_path: Path, data: str | bytes, code: str) -> None:
    (tmp_path / "a.txt").write_bytes(data.encode() if isinstance(data, str) else data)
    if not code:
        assert read_caption(tmp_path / "a.jpg") == data
        return
    error = refused(lambda: read_caption(tmp_path / "a.jpg"))
    assert error.code == code
    assert "a.txt" in error.message


@pytest.mark.parametrize(
    ("caption", "placed"),
    [
        ("", "ohwx woman"),
        ("  ", "ohwx woman"),
        ("smiling, red hat", "ohwx, smiling, red hat"),
        ("photo of ohwx, smiling", "photo of ohwx, smiling"),
        ("photo of {trigger} woman", "photo of ohwx woman"),
        ("[trigger] and [TRIGGER]", "ohwx and ohwx"),
        ("Ohwx is smiling", "ohwx is smiling"),
        ("ohwxy, a myohwx thing", "ohwx, ohwxy, a myohwx thing"),
        ("OHWX", "ohwx"),
        ("a sign with OHWX on it", "ohwx, a sign with OHWX on it"),
    ],
)
def test_the_trigger_word_is_placed(caption: str, placed: str) -> None:
    assert place_trigger(caption, "ohwx", "woman") == placed
    assert place_trigger(placed, "ohwx", "woman") == placed, "placing it again changes nothing"


def test_trigger_words_with_signs_are_words_too() -> None:
    assert place_trigger("{trigger} smiling", r"a\1b", "man") == r"a\1b smiling"
    assert place_trigger("c++ smiling", "c++", "man") == "c++ smiling"
    assert place_trigger("holding a rose", "Rose", "woman") == "Rose, holding a rose"
    assert place_trigger("Zoë lacht", "Zoë", "woman") == "Zoë lacht"
    assert place_trigger("", "ohwx", "") == "ohwx"


def test_formats_are_told_by_their_first_bytes() -> None:
    for kind in ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF"):
        packed = io.BytesIO()
        quarters().save(packed, format=kind)
        assert picture_format(packed.getvalue()[:64]) == kind
    for other in (b"", b"BM", b"BMW and Audi are cars, said he", b"RIFF....WAVE", b"\0\0\0\x18ftypisom", b"%PDF"):
        assert picture_format(other) is None
