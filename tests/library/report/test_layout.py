"""Compression, screenshots and collages are told from innocent pictures."""

from dataclasses import replace

import pytest
from PIL import Image, ImageDraw

from isengard.library.report.measures import SourceFacts
from isengard.tests.library.report.made import (
    CAMERA,
    collage,
    cropped,
    findings,
    hopper,
    measured,
    portrait,
    saved,
    scene,
    screenshot,
)

DARK_SKIN = (70, 45, 32)
LARGE = (800, 1066)
PHONE_PNG = SourceFacts(format="PNG", bytes=2_000_000, width=1170, height=2532)
EXPORT = SourceFacts(format="PNG", bytes=2_000_000, width=1024, height=1365)


@pytest.mark.parametrize(("quality", "level"), [(14, "reject"), (15, "warn"), (39, "warn"), (40, None), (90, None)])
def test_low_jpeg_quality_is_told_from_the_file(quality: int, level: str | None) -> None:
    found = findings(scene(1), replace(CAMERA, jpeg_quality=quality)).get("compressed")
    assert (found.level if found else None) == level


def test_a_bad_jpeg_saved_as_png_is_told_from_its_blocks() -> None:
    for image in (scene(1), portrait(LARGE, behind=scene(2)), hopper()):
        bad = saved(image, 9)
        for copy in (bad, cropped(bad, 0.031, 0.017, 0, 0)):
            assert findings(copy, EXPORT)["compressed"].measured == measured(copy).blockiness
        for quality in (60, 75, 95):
            assert "compressed" not in findings(saved(image, quality), EXPORT)


def test_regular_patterns_are_no_compression() -> None:
    for step in (8, 16):
        checks = scene(1, (1024, 1024))
        draw = ImageDraw.Draw(checks)
        for at in range(0, 1024, step):
            draw.line((0, at, 1024, at), fill=(90, 90, 90))
        assert "compressed" not in findings(checks, EXPORT)
        for at in range(0, 1024, step):
            draw.line((at, 0, at, 1024), fill=(90, 90, 90))
        assert "compressed" not in findings(checks, EXPORT)


# Screens and collages


@pytest.mark.parametrize("ground", [(250, 250, 250), (0, 0, 0)], ids=["light", "dark"])
def test_a_screenshot_is_found(ground: tuple[int, int, int]) -> None:
    found = findings(screenshot(portrait(), ground=ground), PHONE_PNG)["screenshot"]
    assert "status bar" in found.message
    assert "1170 × 2532" in found.message


def test_a_screenshot_that_was_sent_as_jpeg_is_found() -> None:
    sent = replace(PHONE_PNG, format="JPEG", jpeg_quality=80)
    assert "screenshot" in findings(saved(screenshot(portrait()), 80), sent)


def test_a_full_screen_picture_of_an_exact_screen_size_is_found() -> None:
    assert "screenshot" in findings(portrait((1170, 2532)), PHONE_PNG)


@pytest.mark.parametrize(
    "source",
    [
        EXPORT,
        replace(EXPORT, width=1080, height=1920),
        replace(CAMERA, width=1170, height=2532),
        replace(PHONE_PNG, format="JPEG"),
        replace(PHONE_PNG, camera="Google Pixel 8"),
    ],
    ids=["an export", "full HD", "a camera's photo", "a sent photo", "a phone's own PNG"],
)
def test_a_photo_without_bars_is_no_screenshot(source: SourceFacts) -> None:
    for image in (portrait(LARGE, behind=(255, 255, 255)), portrait(LARGE, behind=scene(2))):
        assert "screenshot" not in findings(image, source)


def test_flat_strips_without_signs_are_no_status_bar() -> None:
    image = portrait((1170, 2532))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 1170, 200), fill=(0, 0, 0))
    draw.rectangle((0, 2330, 1170, 2532), fill=(0, 0, 0))
    assert "screenshot" not in findings(image, replace(PHONE_PNG, width=1024))


@pytest.mark.parametrize("across", [False, True])
@pytest.mark.parametrize("gutter", [0, 4, 24])
def test_a_collage_is_found(gutter: int, across: bool) -> None:
    for pictures in ([scene(1), scene(2)], [portrait(), portrait(skin=DARK_SKIN, behind=(200, 190, 150)), scene(3)]):
        assert "collage" in findings(collage(pictures, gutter=gutter, across=across))


def test_a_collage_stays_one_after_saving_and_resizing() -> None:
    whole = collage([scene(1), portrait(), scene(2)], gutter=8)
    assert "collage" in findings(saved(whole, 70))
    assert "collage" in findings(whole.resize((whole.width * 2 // 3, whole.height * 2 // 3), Image.Resampling.LANCZOS))


def test_walls_doors_and_stripes_are_no_collage() -> None:
    wall = Image.new("RGB", (2048, 2048), (190, 180, 170))
    draw = ImageDraw.Draw(wall)
    draw.polygon((900, 0, 2048, 0, 2048, 2048, 912, 2048), fill=(120, 130, 125))
    assert "collage" not in findings(portrait(LARGE, behind=wall))
    stripes = Image.new("RGB", (2048, 2730), (200, 195, 190))
    draw = ImageDraw.Draw(stripes)
    for left in range(0, 2048, 128):
        draw.rectangle((left, 0, left + 63, 2730), fill=(150, 160, 190))
    assert "collage" not in findings(portrait(LARGE, behind=stripes))
    assert "collage" not in findings(portrait(LARGE, behind=(255, 255, 255)))


def test_a_level_horizon_behind_a_person_is_no_collage() -> None:
    sea = Image.new("RGB", (2048, 2730), (190, 205, 225))
    ImageDraw.Draw(sea).rectangle((0, 1000, 2048, 2730), fill=(60, 90, 110))
    assert "collage" not in findings(portrait(LARGE, behind=sea))
