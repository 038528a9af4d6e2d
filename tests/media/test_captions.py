"""Captions beside photos."""

from __future__ import annotations

from pathlib import Path

import pytest

from isengard.media.captions import has_trigger, place_trigger, read_caption, without_trigger
from isengard.tests.media.made import refused


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


@pytest.mark.parametrize(
    ("caption", "anybody"),
    [
        ("ohwx woman", "woman"),
        ("ohwx", "woman"),
        ("ohwx, smiling, red hat", "woman, smiling, red hat"),
        ("photo of ohwx woman with ohwx Woman's dog", "photo of woman with Woman's dog"),
        ("ohwx, a sign with OHWX on it", "woman, a sign with OHWX on it"),
        ("ohwx womanly, ohwxy", "woman womanly, ohwxy"),
        ("a red car", "a red car"),
    ],
)
def test_a_caption_becomes_one_of_anybody(caption: str, anybody: str) -> None:
    assert without_trigger(caption, "ohwx", "woman") == anybody


def test_without_a_class_word_only_the_trigger_goes() -> None:
    assert without_trigger("ohwx, smiling", "ohwx", "") == "smiling"
    assert without_trigger("Rose, holding a rose", "Rose", "woman") == "woman, holding a rose"
    assert without_trigger(r"a\1b man smiling", r"a\1b", "man") == "man smiling"


@pytest.mark.parametrize(
    ("caption", "trigger", "there"),
    [
        ("ohwx, smiling", "ohwx", True), ("a photo of ohwx", "ohwx", True), ("Ohwx woman", "ohwx", True),
        ("a photo of Ohwx", "ohwx", False), ("a planned trip", "ann", False), ("holding a rose", "Rose", False),
        ("[trigger], smiling", "ohwx", True), ("", "ohwx", False), ("smiling", "", False), ("smiling", " ", False),
    ],
)  # fmt: skip
def test_whether_the_trigger_word_is_there(caption: str, trigger: str, there: bool) -> None:
    """Where it is, training puts none in front; where it is not, it does."""
    assert has_trigger(caption, trigger) is there
    if caption and trigger.strip():
        assert place_trigger(caption, trigger, "woman").startswith(f"{trigger}, {caption}") is not there
