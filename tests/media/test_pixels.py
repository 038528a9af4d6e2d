"""Photos of every kind, good and bad, as real files."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms, ImageFile, features

from isengard.errors import IsengardError
from isengard.tests.media.made import BLUE, GREEN, RED, WHITE, corners, near, noise, png_header, quarters, refused, save
from isengard.trainer.photos import inspect_photo, load_photo

MODES = {
    "png": ["1", "L", "LA", "P", "RGBA", "I;16"],
    "tif": ["1", "L", "LA", "P", "RGBA", "I;16", "I", "F", "CMYK", "YCbCr", "LAB"],
    "jpg": ["L", "CMYK"],
    "webp": ["RGB"],
    "bmp": ["1", "L", "P"],
}
"""Modes in which Pillow reads back what it wrote."""


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
