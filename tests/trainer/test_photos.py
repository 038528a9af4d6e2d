"""A folder of photos is read with every problem reported at once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from isengard.tests.media.made import noise, png_header, refused, save
from isengard.trainer.photos import read_folder


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
