"""Each flaw of one photo is found, and its innocent look-alike is not."""

from dataclasses import replace

import pytest
from PIL import Image, ImageDraw

from isengard.library.report.findings import not_measured, photo_findings
from isengard.library.report.thresholds import limit
from isengard.tests.library.report.made import (
    PORTRAIT_FACE,
    KnownFaces,
    blurred,
    exposed,
    findings,
    grained,
    hopper,
    measured,
    moved,
    portrait,
    scene,
)

DARK_SKIN, PALE_SKIN = (70, 45, 32), (240, 205, 185)
LARGE = (800, 1066)
FACE = KnownFaces(PORTRAIT_FACE)


def test_good_photos_have_no_findings() -> None:
    for image in (portrait(LARGE), portrait(LARGE, behind=scene(2)), scene(1)):
        assert findings(image) == {}
        assert list(findings(image, finder=KnownFaces())) == ["no_face"]
    assert findings(portrait(LARGE), finder=FACE) == {}


# Size


@pytest.mark.parametrize(("short", "level"), [(767, "warn"), (768, None), (511, "reject"), (512, "warn")], ids=str)
def test_size_is_judged_at_the_training_size(short: int, level: str | None) -> None:
    found = findings(scene(0, (900, short)))
    assert found["too_small"].level == level if level else "too_small" not in found


def test_a_small_photo_is_large_enough_for_a_small_model() -> None:
    known = measured(scene(0, (256, 256)))
    assert "too_small" in {finding.code for finding in photo_findings(known)}
    assert "too_small" not in {finding.code for finding in photo_findings(known, resolution=128)}


# Sharpness


@pytest.mark.parametrize("seed", range(2))
def test_blur_grows_with_the_blur_whatever_the_picture_shows(seed: int) -> None:
    sharp = scene(seed)
    widths = [measured(blurred(sharp, radius)).blur or 0.0 for radius in (0, 1.5, 2, 3, 4, 6)]
    assert widths == sorted(widths)
    assert widths[0] < 0.2
    assert widths[1] < limit("blur_warn") < widths[3] < limit("blur_reject") < widths[4]


@pytest.mark.parametrize(("radius", "level"), [(0, None), (1, None), (1.5, None), (3, "warn"), (5.5, "reject")])
def test_an_out_of_focus_photo_is_blurred(radius: float, level: str | None) -> None:
    for image in (portrait(), portrait(skin=DARK_SKIN, behind=(5, 5, 6)), exposed(portrait(), -2)):
        for finder in (FACE, KnownFaces()):
            found = findings(blurred(image, radius), finder=finder).get("blurred")
            assert (found.level if found else None) == level
            if found:
                assert found.measured is not None
                assert f"{found.measured:.1f} pixels" in found.message


def test_a_real_photo_reads_sharp_and_its_blurred_copies_do_not() -> None:
    large = hopper().resize((1024, 1200), Image.Resampling.LANCZOS).resize((512, 600), Image.Resampling.LANCZOS)
    for image in (hopper(), large):
        assert "blurred" not in findings(image)
        assert "blurred" not in findings(blurred(image, 1))
        assert findings(blurred(image, 3))["blurred"].level == "warn"
        assert findings(blurred(image, 5))["blurred"].level == "reject"


def test_a_blurred_background_is_no_flaw() -> None:
    image = portrait(LARGE, behind=blurred(scene(2), 15))
    assert "blurred" not in findings(image)
    assert "blurred" not in findings(image, finder=FACE)


def test_a_small_sharp_person_before_a_blurred_background_is_no_flaw() -> None:
    image = blurred(scene(4), 12)
    image.paste(scene(5, (180, 300)), (450, 300))
    assert "blurred" not in findings(image)


def test_a_blurred_face_before_a_sharp_background_is_found_once_the_face_is_known() -> None:
    image = portrait(LARGE, behind=scene(2))
    wide, high = LARGE
    box = (int(0.2 * wide), int(0.12 * high), int(0.8 * wide), int(0.75 * high))
    image.paste(blurred(image, 6).crop(box), box[:2])
    assert "blurred" not in findings(image)
    found = findings(image, finder=FACE)["blurred"]
    assert "face" in found.message


def test_grain_does_not_hide_blur() -> None:
    assert "blurred" in findings(grained(blurred(scene(3), 3), amount=3.5))


def test_a_picture_without_edges_is_not_measured_rather_than_blurred() -> None:
    known = measured(grained(Image.new("RGB", (1024, 1024), (120, 130, 140))))
    assert known.blur is None
    assert "blurred" not in {finding.code for finding in photo_findings(known)}
    assert any("Sharpness was not measured" in sentence for sentence in not_measured(known))


@pytest.mark.parametrize("pixels", [15, 25, 40])
def test_a_moved_camera_is_found(pixels: int) -> None:
    for image in (portrait(behind=scene(2)), scene(1)):
        for turned in (False, True):
            smeared = moved(image.transpose(Image.Transpose.ROTATE_90) if turned else image, pixels)
            assert "moved" in findings(smeared)
    assert "moved" in findings(moved(hopper(), pixels))
    assert "moved" in findings(moved(hopper().transpose(Image.Transpose.ROTATE_90), pixels))


def test_unmoved_photos_are_not_smeared() -> None:
    stripes = Image.new("RGB", (1536, 2048), (200, 195, 190))
    for left in range(0, 1536, 128):
        ImageDraw.Draw(stripes).rectangle((left, 0, left + 63, 2048), fill=(150, 160, 190))
    images = [portrait(), portrait(behind=blurred(scene(2), 12)), hopper(), scene(1)]
    for image in (*images, *(blurred(one, 2) for one in images), portrait(behind=blurred(stripes, 12))):
        assert (measured(image).moved or 0) < limit("moved_warn") - 0.2


def test_a_camera_that_follows_the_person_is_no_flaw() -> None:
    behind = moved(scene(2, (840, 1066)), 40)
    assert findings(portrait(LARGE, behind=behind)) == {}


# Light


@pytest.mark.parametrize(("stops", "level"), [(-4.5, "reject"), (-3.5, "warn"), (-2, None), (0, None)])
def test_too_little_light_is_underexposed(stops: float, level: str | None) -> None:
    for image in (portrait(LARGE), scene(1)):
        found = findings(exposed(image, stops)).get("underexposed")
        assert (found.level if found else None) == level


def test_dark_skin_and_black_backdrops_are_not_underexposed() -> None:
    for skin, behind in ((DARK_SKIN, (120, 130, 140)), (DARK_SKIN, (4, 4, 5)), (PALE_SKIN, (4, 4, 5))):
        image = portrait(LARGE, skin=skin, hair=(15, 12, 10), top=(20, 20, 24), behind=behind)
        assert findings(image) == {}
        assert findings(image, finder=FACE) == {}
        assert "underexposed" in findings(exposed(image, -4))
        assert "underexposed" in findings(exposed(image, -4), finder=FACE)


def test_a_face_against_the_light_is_underexposed_though_the_photo_is_bright() -> None:
    image = portrait(LARGE, skin=(30, 24, 20), behind=(235, 235, 240))
    ImageDraw.Draw(image).rectangle((240, 234, 560, 660), fill=(28, 22, 20))
    assert "underexposed" not in findings(image)
    assert findings(image, finder=FACE)["underexposed"].message.startswith("The face")


def test_the_face_may_be_lit_in_a_dark_photo() -> None:
    image = Image.new("RGB", LARGE, (3, 3, 3))
    ImageDraw.Draw(image).rectangle((312, 390, 335, 413), fill=(95, 95, 95))
    face = PORTRAIT_FACE
    spot = KnownFaces(replace(face, left=0.385, top=0.36, width=0.04, height=0.035))
    assert "underexposed" in findings(image)
    assert "underexposed" not in findings(image, finder=spot)


@pytest.mark.parametrize(("stops", "level"), [(3, "reject"), (2.5, "warn"), (1, None), (0, None)])
def test_too_much_light_is_overexposed(stops: float, level: str | None) -> None:
    found = findings(exposed(scene(1), stops)).get("overexposed")
    assert (found.level if found else None) == level


def test_a_burnt_out_face_is_overexposed() -> None:
    image = portrait(LARGE, behind=(60, 70, 80))
    assert "overexposed" not in findings(image, finder=FACE)
    assert findings(exposed(image, 3), finder=FACE)["overexposed"].message.startswith("The face")


def test_a_white_studio_is_not_overexposed() -> None:
    image = portrait(LARGE, skin=PALE_SKIN, hair=(190, 150, 90), top=(238, 238, 238), behind=(255, 255, 255))
    assert findings(image) == {}
    assert findings(image, finder=FACE) == {}


def test_a_white_sky_is_not_overexposed() -> None:
    image = scene(1, LARGE)
    ImageDraw.Draw(image).polygon((0, 0, LARGE[0], 0, LARGE[0], 500, 600, 620, 0, 560), fill=(255, 255, 255))
    assert findings(image) == {}


def test_fog_has_little_contrast() -> None:
    fog = Image.blend(scene(1), Image.new("RGB", (1024, 768), (150, 150, 150)), 0.85)
    assert "low_contrast" in findings(fog)
    assert "low_contrast" not in findings(Image.blend(scene(1), Image.new("RGB", (1024, 768), (150, 150, 150)), 0.5))
