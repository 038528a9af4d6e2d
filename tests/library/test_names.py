"""Names become paths only when they are safe everywhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from isengard.errors import IsengardError
from isengard.library import names
from isengard.tests.library.corpus import BAD_NAMES, GOOD_NAMES


@pytest.mark.parametrize("name", BAD_NAMES)
def test_bad_names_never_become_a_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(IsengardError) as caught:
        names.inside(tmp_path, name)
    assert caught.value.code == "NAME_INVALID"
    caught.value.message.encode()


@pytest.mark.parametrize("name", GOOD_NAMES)
def test_good_names_stay_inside(tmp_path: Path, name: str) -> None:
    assert names.inside(tmp_path, name) == tmp_path / name


def test_a_link_that_leads_out_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "secret").write_text("x")
    (tmp_path / "in" / "photo.jpg").symlink_to(tmp_path / "secret")
    (tmp_path / "in" / "inner.jpg").symlink_to(tmp_path / "in" / "other.jpg")
    with pytest.raises(IsengardError):
        names.inside(tmp_path / "in", "photo.jpg")
    assert names.inside(tmp_path / "in", "inner.jpg")


def test_a_sibling_whose_name_begins_alike_is_outside(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data2").mkdir()
    (tmp_path / "data" / "link").symlink_to(tmp_path / "data2")
    with pytest.raises(IsengardError):
        names.inside(tmp_path / "data", "link")


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("Ada Lovelace", "ada-lovelace"),
        ("  Zoë & Søren!  ", "zoe-sren"),
        ("王小明", "character"),
        ("💡", "character"),
        ("", "character"),
        ("../../etc/passwd", "etc-passwd"),
        ("CON", "con-1"),
        ("nul.txt", "nul-txt"),
        ("x" * 300, "x" * 60),
        ("-" * 10, "character"),
    ],
)
def test_slugs_are_plain_and_safe(text: str, slug: str) -> None:
    assert names.slug(text, "character") == slug
    assert names.is_safe(slug)


def test_unique_names_differ_by_more_than_case_and_unicode_form() -> None:
    taken = {names.folded("Zo\u00eb"), names.folded("ada"), names.folded("ada-2")}
    assert names.unique("ADA", taken) == "ADA-3"
    assert names.unique("Zoe\u0308", taken) == "Zoe\u0308-2"
    assert names.unique("bob", taken) == "bob"
