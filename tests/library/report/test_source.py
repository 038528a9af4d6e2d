"""Facts that are read from a file's header."""

from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

from isengard.errors import IsengardError
from isengard.library.report.measures import SourceFacts, source_facts
from isengard.tests.library.report.made import scene

SMALL = scene(0, (320, 200), shapes=40)
MAKE, MODEL, SOFTWARE, ORIENTATION = 0x010F, 0x0110, 0x0131, 0x0112


def phone_exif(**more: object) -> Image.Exif:
    exif = Image.Exif()
    exif[MAKE], exif[MODEL], exif[SOFTWARE] = "Apple", "iPhone 14", "17.5.1"
    exif.get_ifd(0x8769).update({0x9003: "2024:05:17 10:11:12", 0x9011: "+02:00"})
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 8.0, 0.0), 3: "E", 4: (11.0, 34.0, 0.0)})
    for tag, value in more.items():
        exif[int(tag[1:])] = value
    return exif


def facts(path: Path, image: Image.Image = SMALL, **options: object) -> SourceFacts:
    image.save(path, **options)
    return source_facts(path)


@pytest.mark.parametrize("quality", [5, 15, 30, 50, 60, 75, 85, 92, 100])
def test_jpeg_quality_is_told_from_the_tables(tmp_path: Path, quality: int) -> None:
    found = facts(tmp_path / "a.jpg", quality=quality)
    assert found.jpeg_quality is not None
    assert abs(found.jpeg_quality - quality) <= 1


@pytest.mark.parametrize(
    ("name", "kind"), [("a.png", "PNG"), ("a.webp", "WEBP"), ("a.tif", "TIFF"), ("a.bmp", "BMP"), ("a.gif", "GIF")]
)
def test_other_formats_have_no_jpeg_quality(tmp_path: Path, name: str, kind: str) -> None:
    found = facts(tmp_path / name)
    assert (found.format, found.width, found.height, found.jpeg_quality) == (kind, 320, 200, None)
    assert found.bytes == (tmp_path / name).stat().st_size
    assert (found.camera, found.taken, found.has_location, found.software) == (None, None, False, None)


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.heic"])
def test_camera_data_are_read(tmp_path: Path, name: str) -> None:
    if name.endswith("heic"):
        pytest.importorskip("pillow_heif").register_heif_opener()
    found = facts(tmp_path / name, exif=phone_exif().tobytes())
    assert found.camera == "Apple iPhone 14"
    assert found.taken == "2024-05-17T10:11:12+02:00"
    assert found.has_location
    assert found.software == "17.5.1"


@pytest.mark.parametrize("name", ["a.jpg", "a.tif"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_width_and_height_are_upright(tmp_path: Path, name: str, orientation: int) -> None:
    found = facts(tmp_path / name, exif=phone_exif(_274=orientation))
    assert (found.width, found.height) == ((200, 320) if orientation > 4 else (320, 200))


@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\0\0" + b"\xff" * 40,
        b"Exif\0\0MM\0*\0\0\0\x08\xff\xff",
        b"Exif\0\0II*\0\x08\0\0\0\x01\0\x0f\x01\x02\0\xff\xff\xff\x7f\0\0\0\x40",
        b"nonsense",
    ],
    ids=["noise", "cut short", "points outside", "no EXIF"],
)
@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_damaged_exif_counts_as_absent(tmp_path: Path, exif: bytes) -> None:
    for name in ("a.jpg", "a.webp"):
        found = facts(tmp_path / name, exif=exif)
        assert (found.width, found.height, found.camera, found.taken) == (320, 200, None, None)


def test_senseless_values_count_as_absent(tmp_path: Path) -> None:
    exif = phone_exif()
    exif[MAKE], exif[MODEL] = "  ", "evil\x00\x1b[31m\nname" + "x" * 500
    exif.get_ifd(0x8769).update({0x9003: "0000:00:00 00:00:00"})
    found = facts(tmp_path / "a.jpg", exif=exif.tobytes())
    assert found.taken is None
    assert found.camera is not None
    assert found.camera.isprintable()
    assert len(found.camera) <= 100


def test_a_png_tells_its_software_and_no_pixel_is_decoded(tmp_path: Path) -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("Software", "gnome-screenshot")
    path = tmp_path / "a.png"
    assert facts(path, pnginfo=text).software == "gnome-screenshot"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])  # a decoder would stumble over the missing half
    assert source_facts(path).width == 320


@pytest.mark.parametrize("content", [b"", b"hello", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n" + b"\0" * 60])
def test_what_is_no_picture_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "odd.jpg"
    path.write_bytes(content)
    with pytest.raises(IsengardError, match=r"odd\.jpg") as caught:
        source_facts(path)
    assert caught.value.code == "PHOTO_UNREADABLE"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(IsengardError, match=r"gone\.jpg"):
        source_facts(tmp_path / "gone.jpg")
