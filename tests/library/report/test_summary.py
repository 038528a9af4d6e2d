"""The set as a whole, summed up in sentences that follow from what was measured."""

import json
from dataclasses import replace

import pytest

from isengard.library.report.faces import Face
from isengard.library.report.findings import set_findings
from isengard.library.report.measures import Measures
from isengard.library.report.summary import SetReport, summarize
from isengard.tests.library.report.made import CAMERA, PORTRAIT_FACE, KnownFaces, blurred, measured, portrait, scene

MARKS = ((0.42, 0.35), (0.58, 0.35), (0.5, 0.45), (0.44, 0.55), (0.56, 0.55))
HEIGHTS = {
    "close-up": (0.2, 0.7),
    "head and shoulders": (0.2, 0.35),
    "half body": (0.1, 0.17),
    "full body": (0.08, 0.09),
}
PLACES = [measured(scene(seed, (240, 300), shapes=60)) for seed in range(24)]


def photo(place: int, framing: str | None = "head and shoulders", nose: float = 0.5, **more: object) -> Measures:
    """A photo of its own place in which a face was found, or not."""
    known = replace(PLACES[place], source=CAMERA, face_method="yunet", faces=(), width=1600, height=2000)
    if framing:
        top, height = HEIGHTS[framing]
        face = Face(
            left=0.3, top=top, width=0.3, height=height, score=0.9, landmarks=(*MARKS[:2], (nose, 0.45), *MARKS[3:])
        )
        turned = (nose - 0.5) / 0.16
        known = replace(known, faces=(face,), framing=framing, turned=turned, clothes=(place * 10,) * 18)
    return replace(known, **more)


def report(photos: list[Measures], rejected: frozenset[str] = frozenset()) -> SetReport:
    named = {f"photo {place}": one for place, one in enumerate(photos)}
    return summarize(named, set_findings(named), rejected)


FRAMINGS = ["close-up", "head and shoulders", "half body", "full body"]
VARIED = [photo(place, FRAMINGS[place % 4], 0.5 + 0.08 * (place % 3 - 1)) for place in range(20)]


def test_a_varied_set_needs_nothing() -> None:
    found = report(VARIED)
    assert found.headline == "All 20 photos are good to train on."
    assert (found.photos, found.usable, found.flawed, found.rejected) == (20, 20, 0, 0)
    assert found.advice == ()
    assert all(kind.measured for kind in found.variety.values())
    assert found.variety["framing"].verdict == "Varied: 4 kinds in 20 photos."
    assert sum(group.count for group in found.variety["framing"].groups) == 20


def test_usable_photos_are_counted_without_what_should_be_rejected() -> None:
    spoilt = [replace(one, width=300, height=300) for one in VARIED[:3]]
    found = report([*spoilt, *VARIED[3:]], frozenset({"photo 19"}))
    assert found.headline.startswith("16 of 20 photos are good to train on.")
    assert found.found["too_small"] == 3
    assert found.rejected == 1


def test_smaller_flaws_are_told_apart() -> None:
    found = report([replace(VARIED[0], width=700, height=900), *VARIED[1:]])
    assert found.headline == "All 20 photos are good to train on. 1 of them has smaller flaws."


@pytest.mark.parametrize(
    ("count", "headline"),
    [(0, "There are no photos yet."), (1, "The photo is good to train on."), (2, "All 2 photos are good to train on.")],
)
def test_small_sets_have_a_headline(count: int, headline: str) -> None:
    found = report(VARIED[:count])
    assert found.headline == headline
    assert found.advice[0].startswith(f"{15 - count} more good photos" if count < 3 else "")


def test_a_kept_photo_is_usable() -> None:
    small = replace(VARIED[0], width=300, height=300)
    named = {"a": small}
    kept = set_findings(named, {"a": frozenset({"too_small"})})
    assert summarize(named, kept, frozenset()).usable == 1
    assert summarize(named, set_findings(named), frozenset()).usable == 0


def test_missing_full_body_photos_are_asked_for() -> None:
    photos = [photo(place, FRAMINGS[place % 3], 0.5 + 0.08 * (place % 3 - 1)) for place in range(22)]
    assert "Three full-body photos would help to learn build and posture." in report(photos).advice


def test_missing_close_photos_are_asked_for() -> None:
    photos = [photo(place, FRAMINGS[2 + place % 2], 0.5 + 0.08 * (place % 3 - 1)) for place in range(20)]
    assert any(sentence.startswith("Six close photos of the face") for sentence in report(photos).advice)


def test_photos_from_one_side_only_are_told() -> None:
    photos = [photo(place, FRAMINGS[place % 4]) for place in range(20)]
    found = report(photos)
    assert found.variety["pose"].verdict == "All the same in 20 photos."
    assert any("head turned to a side" in sentence for sentence in found.advice)


def test_a_shared_background_is_told_with_the_photos() -> None:
    wall = [
        replace(
            photo(place, FRAMINGS[place % 4], 0.5 + 0.08 * (place % 3 - 1)),
            background=measured(portrait(behind=(200, 60, 160))).background,
        )
        for place in range(10)
    ]
    found = report([*wall, *VARIED[10:]])
    (sentence,) = [one for one in found.advice if "background" in one]
    assert sentence.startswith("Half of the photos share one background")
    assert "photo 0, photo 1, photo 2, photo 3, photo 4 and 5 more" in sentence
    assert found.variety["background"].verdict == "One-sided: 10 of 20 are alike."


def test_the_same_clothes_are_told() -> None:
    photos = [replace(one, clothes=(100,) * 18) for one in VARIED]
    assert any(one.startswith("All photos share the same clothes") for one in report(photos).advice)


def test_backgrounds_are_told_apart_by_what_surrounds_the_person() -> None:
    finder = KnownFaces(PORTRAIT_FACE)
    wall, room = (150, 140, 120), scene(8)
    photos = [
        measured(portrait(behind=wall, top=(40, 70, 120)), finder=finder),
        measured(portrait(behind=wall, top=(200, 40, 40), at=(0.45, 0.42), hair=(150, 100, 50)), finder=finder),
        measured(portrait(behind=wall, top=(240, 240, 230), scale=0.24), finder=finder),
        measured(portrait(behind=blurred(room, 6), top=(40, 70, 120), seed=4), finder=finder),
        measured(portrait(behind=(30, 90, 50), top=(41, 68, 122), seed=5), finder=finder),
    ]
    kinds = report(photos).variety
    assert kinds["background"].groups[0].photos == ("photo 0", "photo 1", "photo 2")
    assert len(kinds["background"].groups) == 3
    assert kinds["clothes"].groups[0].photos == ("photo 0", "photo 3", "photo 4")
    assert len(kinds["clothes"].groups) == 3


def test_one_light_is_told() -> None:
    photos = [replace(one, exposure=replace(one.exposure, median=200, warmth=50)) for one in VARIED]
    found = report(photos)
    assert found.variety["light"].groups[0].label == "bright, warm"
    assert any("same light (bright, warm)" in sentence for sentence in found.advice)


def test_without_a_face_finder_framing_and_pose_are_not_measured() -> None:
    photos = [replace(one, face_method="none", faces=None, framing=None, turned=None, clothes=None) for one in VARIED]
    found = report(photos)
    for kind in ("framing", "pose", "clothes"):
        assert not found.variety[kind].measured
        assert found.variety[kind].verdict.startswith("Not measured")
    assert found.variety["light"].measured
    assert not any("full-body" in sentence or "close" in sentence or "head" in sentence for sentence in found.advice)
    assert any(
        sentence.startswith("Faces, framing, pose and clothes were not measured") for sentence in found.not_measured
    )


def test_what_the_rough_finder_missed_may_be_full_body() -> None:
    seen = [replace(photo(place, FRAMINGS[place % 3]), face_method="haar", turned=None) for place in range(16)]
    missed = [replace(photo(16 + place, None), face_method="haar") for place in range(4)]
    found = report([*seen, *missed])
    assert not any("full-body" in sentence for sentence in found.advice)
    assert found.variety["pose"].verdict == "Not measured: the rough finder sees faces from the front only."


def test_what_was_not_measured_in_some_photos_is_counted() -> None:
    found = report([*VARIED[:18], *(replace(one, blur=None, faces=()) for one in VARIED[18:])])
    assert any(sentence.startswith("In 2 photos: sharpness was not measured") for sentence in found.not_measured)


def test_no_one_person_in_most_photos_is_told() -> None:
    faces = [
        replace(one.faces[0], embedding=tuple(float(i == n) for i in range(4)))
        for n, one in enumerate(VARIED[:4])
        if one.faces
    ]
    photos = [replace(VARIED[place], faces=(face,), embeds=True) for place, face in enumerate(faces)]
    assert any("no one person" in sentence for sentence in report(photos).not_measured)


def test_a_report_is_json() -> None:
    kept = json.loads(json.dumps(report(VARIED).as_dict()))
    assert kept["usable"] == 20
    assert kept["variety"]["framing"]["groups"][0]["count"] == 5
