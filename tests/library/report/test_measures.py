"""Measurements are kept as JSON, and what a person overrules stays visible."""

import json
from dataclasses import replace

import pytest
from PIL import Image

from isengard.library.report.findings import not_measured, photo_findings
from isengard.library.report.measures import MEASURES_VERSION, Measures
from isengard.library.report.thresholds import THRESHOLDS
from isengard.tests.library.report.made import (
    PORTRAIT_FACE,
    KnownFaces,
    measured,
    portrait,
    scene,
)

FACE = KnownFaces(PORTRAIT_FACE)


def test_a_kept_finding_stays_visible_and_no_longer_counts() -> None:
    known = measured(scene(0, (400, 400)))
    before = {finding.code: finding for finding in photo_findings(known)}
    after = {finding.code: finding for finding in photo_findings(known, kept=frozenset({"too_small"}))}
    assert before["too_small"].level == "reject"
    assert after["too_small"].level == "kept"
    assert after["too_small"].message == before["too_small"].message


def test_measures_survive_json() -> None:
    for finder in (FACE, KnownFaces()):
        known = measured(portrait(), finder=finder)
        assert Measures.from_dict(json.loads(json.dumps(known.as_dict()))) == known


@pytest.mark.parametrize(
    "change",
    [
        {"version": MEASURES_VERSION + 1},
        {"version": None},
        {"faces": 3},
        {"exposure": None},
        {"blur": "sharp"},
        {"background": ["red"]},
        {"layout": {}},
        {"fingerprint": "zz"},
        {"surprise": 1},
    ],
    ids=str,
)
def test_other_measures_are_measured_again(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="measure"):
        Measures.from_dict({**measured(portrait()).as_dict(), **change})


def test_missing_measures_are_measured_again() -> None:
    whole = measured(portrait()).as_dict()
    for name in whole:
        with pytest.raises(ValueError, match="measure"):
            Measures.from_dict({key: value for key, value in whole.items() if key != name})


def test_every_threshold_says_where_it_comes_from() -> None:
    for row in THRESHOLDS.values():
        assert row.why.endswith(".")
        assert row.unit
        assert row.as_dict()["value"] == row.value


@pytest.mark.parametrize(
    "size", [(1, 1), (5, 7), (16, 16), (64, 64), (2048, 30), (20, 2048), (97, 1031), (2048, 2048)], ids=str
)
def test_every_size_and_content_is_measured(size: tuple[int, int]) -> None:
    for image in (Image.new("RGB", size), Image.new("RGB", size, "white"), Image.effect_noise(size, 90).convert("RGB")):
        for finder in (KnownFaces(), FACE, KnownFaces(replace(PORTRAIT_FACE, width=0.001, height=0.001))):
            known = measured(image, finder=finder)
            assert Measures.from_dict(json.loads(json.dumps(known.as_dict(), allow_nan=False))) == known
            assert photo_findings(known)
            assert isinstance(not_measured(known), list)
