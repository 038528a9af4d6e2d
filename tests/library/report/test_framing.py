"""What is judged on a face, how much of the body shows, and the crop around the face."""

from dataclasses import replace

import pytest

from isengard.library.report.crops import face_crop
from isengard.library.report.faces import Face
from isengard.library.report.findings import photo_findings
from isengard.library.report.framing import FRONT, LEFT, RIGHT
from isengard.tests.library.report.made import PORTRAIT_FACE, KnownFaces, findings, measured, portrait, scene


def at(height: float, **more: object) -> Face:
    return replace(PORTRAIT_FACE, width=height * 0.75, height=height, **more)


@pytest.mark.parametrize(("second", "several"), [(0.39, False), (0.41, True)])
def test_people_in_the_background_are_no_second_face(second: float, several: bool) -> None:
    finder = KnownFaces(at(0.3), replace(at(0.3 * second), left=0.05, top=0.05))
    found = findings(portrait((1024, 1024)), finder=finder)
    assert ("several_faces" in found) == several


@pytest.mark.parametrize(("pixels", "small"), [(63, True), (65, False)])
def test_a_face_is_too_small_by_its_pixels_in_training(pixels: int, small: bool) -> None:
    for side in (1024, 1500):
        finder = KnownFaces(at(pixels / 1024))
        assert ("face_too_small" in findings(scene(1, (side, side)), finder=finder)) == small


def test_a_face_that_is_large_enough_depends_on_the_training_size() -> None:
    known = measured(scene(1, (1024, 1024)), finder=KnownFaces(at(0.12)))
    small = [
        size
        for size in (1024, 768, 512, 128, 64)
        if "face_too_small" in {finding.code for finding in photo_findings(known, resolution=size)}
    ]
    assert small == [512, 128, 64]
    near = measured(scene(1, (1024, 1024)), finder=KnownFaces(at(0.13)))
    assert "face_too_small" not in {finding.code for finding in photo_findings(near, resolution=128)}


@pytest.mark.parametrize(
    ("top", "height", "framing"),
    [
        (0.15, 0.7, "close-up"),
        (0.2, 0.35, "head and shoulders"),
        (0.1, 0.17, "half body"),
        (0.08, 0.08, "full body"),
        (0.87, 0.1, "close-up"),
    ],
)
def test_framing_is_how_much_fits_below_the_chin(top: float, height: float, framing: str) -> None:
    assert measured(portrait(), finder=KnownFaces(at(height, top=top))).framing == framing


@pytest.mark.parametrize(("nose", "pose"), [(0.5, FRONT), (0.515, FRONT), (0.56, RIGHT), (0.44, LEFT)])
@pytest.mark.parametrize("tilted", [False, True])
def test_pose_is_told_from_the_nose(nose: float, pose: str, tilted: bool) -> None:
    lower = 0.04 if tilted else 0.0
    marks = ((0.4, 0.4), (0.6, 0.4 + lower), (nose, 0.48), (0.43, 0.55), (0.57, 0.55))
    face = replace(at(0.4), landmarks=marks)
    assert measured(scene(1, (900, 900)), finder=KnownFaces(face)).pose == pose


def test_a_profile_is_turned_to_its_side() -> None:
    for nose, pose in ((0.7, RIGHT), (0.3, LEFT)):
        marks = ((0.5, 0.4), (0.505, 0.4), (nose, 0.5), (0.52, 0.6), (0.52, 0.6))
        assert measured(scene(1, (900, 900)), finder=KnownFaces(replace(at(0.4), landmarks=marks))).pose == pose


@pytest.mark.parametrize(
    "box", [(0.4, 0.3, 0.1, 0.12), (0.0, 0.0, 0.1, 0.12), (0.9, 0.85, 0.1, 0.12), (0.2, 0.1, 0.3, 0.3)]
)
@pytest.mark.parametrize("size", [(1000, 1000), (2000, 1000), (900, 1600)])
def test_the_crop_holds_head_and_shoulders_inside_the_picture(
    box: tuple[float, float, float, float], size: tuple[int, int]
) -> None:
    left, top, width, height = box
    finder = KnownFaces(Face(left=left, top=top, width=width, height=height, score=1))
    known = measured(scene(1, size, shapes=20), finder=finder)
    crop = face_crop(known, *size)
    assert crop is not None
    assert crop[0] >= 0
    assert crop[1] >= 0
    assert crop[0] + crop[2] <= 1.0001
    assert crop[1] + crop[3] <= 1.0001
    assert crop[0] <= left
    assert crop[1] <= top
    assert crop[0] + crop[2] >= left + width - 1e-3
    assert crop[1] + crop[3] >= min(1, top + 1.5 * height) - 1e-3
    if box[0] == 0.4:
        assert crop[2] * size[0] / (crop[3] * size[1]) == pytest.approx(0.8, abs=0.02)


def test_no_crop_without_a_face_or_where_it_gains_nothing() -> None:
    assert face_crop(measured(scene(1)), 1024, 768) is None
    assert face_crop(measured(scene(1), finder=KnownFaces()), 1024, 768) is None
    assert face_crop(measured(scene(1), finder=KnownFaces(at(0.6))), 1024, 768) is None
