"""A folder of phone photos goes in, the report is right about each planted flaw, and the repairs work."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image, ImageFilter

from isengard.errors import IsengardError
from isengard.library import captioning, characters, photos, reports
from isengard.library.characters import Character
from isengard.library.photos import Source
from isengard.library.store import Library
from isengard.tests.architecture.sources import ROOT
from isengard.tests.media.made import noise, save

DRAWN = sorted((ROOT / "trainer" / "mini" / "character").rglob("*.jpg"))


def large(number: int) -> Image.Image:
    """One of the drawn portraits at a phone's size, with a camera's grain."""
    with Image.open(DRAWN[number]) as opened:
        image = opened.convert("RGB").resize((1200, 1200), Image.Resampling.LANCZOS)
    grain = noise(image.size, number)
    return Image.blend(image, grain, 0.08)


def test_each_planted_flaw_is_found_and_nothing_else(library: Library, ada: Character, tmp_path: Path) -> None:
    planted = {
        "good": large(0),
        "blurred": large(1).filter(ImageFilter.GaussianBlur(14)),
        "dark": large(2).point(lambda value: value * 0.06),
        "bright": large(3).point(lambda value: min(255, int(value * 2))),
        "tiny": large(4).resize((200, 200)),
        "good-again": large(5),
    }
    sources = [Source(path=save(tmp_path / f"{name}.jpg", image, quality=92)) for name, image in planted.items()]
    sources.append(Source(path=save(tmp_path / "twin.jpg", large(0).resize((1100, 1100)), quality=85)))
    sources.append(Source(path=save(tmp_path / "squeezed.jpg", large(6), quality=8)))
    assert not [item.error for item in photos.add(library, ada.id, sources) if item.error]
    found = reports.report(library, ada.id)
    codes = {file: {item["code"] for item in items} for file, items in found.findings.items()}
    assert "blurred" in codes["blurred.jpg"]
    assert "underexposed" in codes["dark.jpg"]
    assert "overexposed" in codes["bright.jpg"]
    assert "too_small" in codes["tiny.jpg"]
    assert "compressed" in codes["squeezed.jpg"]
    pair = {"good.jpg": "twin.jpg", "twin.jpg": "good.jpg"}
    twins = {file for file in pair if "near_duplicate" in codes.get(file, ())}
    assert len(twins) == 1
    (file,) = twins
    (finding,) = [item for item in found.findings[file] if item["code"] == "near_duplicate"]
    assert list(finding["others"]) == [pair[file]]
    flaws = {"blurred", "underexposed", "overexposed", "too_small", "compressed", "near_duplicate"}
    assert not codes.get("good-again.jpg", set()) & flaws
    assert found.photos.photos == 8
    assert found.waiting == ()


def test_what_no_model_looked_at_is_said_to_be_not_measured(library: Library, ada: Character, tmp_path: Path) -> None:
    (added,) = photos.add(library, ada.id, [Source(path=save(tmp_path / "a.jpg", large(0)))])
    found = reports.report(library, ada.id)
    assert any("same person" in text or "somebody else" in text for text in found.not_measured[added.file])


def test_captions_are_part_of_the_report(library: Library, ada: Character, tmp_path: Path) -> None:
    sources = [
        Source(path=save(tmp_path / f"{n}.png", noise(seed=n)), caption="red hair" if n else "") for n in range(4)
    ]
    files = [item.file for item in photos.add(library, ada.id, sources)]
    by_code = {finding.code.lower(): finding for finding in reports.report(library, ada.id).captions.findings}
    assert set(by_code["empty"].photos) == {files[0]}
    repair = by_code["trigger_missing"].repair
    assert repair is not None
    captioning.change(library, [(ada.id, file) for file in files], repair)
    assert "trigger_missing" not in {item.code.lower() for item in reports.report(library, ada.id).captions.findings}


def test_cropping_to_a_face_that_nobody_found_says_so(library: Library, ada: Character, tmp_path: Path) -> None:
    (added,) = photos.add(library, ada.id, [Source(path=save(tmp_path / "a.png", noise()))])
    with pytest.raises(IsengardError) as caught:
        reports.crop_to_face(library, ada.id, added.file)
    assert caught.value.code == "FACE_UNKNOWN"


def test_photos_are_judged_by_the_size_that_their_base_model_needs(
    library: Library, ada: Character, tmp_path: Path
) -> None:
    (added,) = photos.add(library, ada.id, [Source(path=save(tmp_path / "a.jpg", large(0).resize((256, 256))))])
    assert "too_small" in {item["code"] for item in reports.report(library, ada.id).findings[added.file]}
    characters.update(library, ada.id, {"family": "mini"})
    assert "too_small" not in {item["code"] for item in reports.report(library, ada.id).findings.get(added.file, ())}
