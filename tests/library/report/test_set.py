"""What photos show beside each other: copies, bursts, mirrored ones, and other people."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from isengard.library.report.faces import Face
from isengard.library.report.findings import Finding, set_findings
from isengard.library.report.measures import Measures, SourceFacts
from isengard.library.report.thresholds import limit
from isengard.tests.architecture.sources import ROOT
from isengard.tests.library.report.made import (
    CAMERA,
    PORTRAIT_FACE,
    blurred,
    cropped,
    hopper,
    measured,
    portrait,
    saved,
    scene,
)

SIZE = (1024, 1024)


def found(
    photos: Mapping[str, Image.Image | Measures], code: str, kept: Mapping[str, frozenset[str]] | None = None
) -> dict[str, Finding]:
    """Findings of one code by photo."""
    known = {name: one if isinstance(one, Measures) else measured(one) for name, one in photos.items()}
    result = set_findings(known, kept or {})
    assert set(result) == set(photos)
    return {name: finding for name, some in result.items() for finding in some if finding.code == code}


COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "compressed": lambda image: saved(image, 25),
    "half the size": lambda image: image.resize((image.width // 2, image.height // 2)),
    "cropped by a few hundredths": lambda image: cropped(image, 0.0, 0.04, 0.04, 0.0),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.15),
    "grey": lambda image: image.convert("L").convert("RGB"),
}


@pytest.mark.parametrize("copy", COPIES)
def test_the_same_picture_again_is_rejected(copy: str) -> None:
    for image in (hopper().resize((1024, 1200)), scene(1, SIZE), portrait()):
        duplicates = found({"one": image, "other": COPIES[copy](image), "third": scene(7, SIZE)}, "near_duplicate")
        assert len(duplicates) == 1
        ((name, finding),) = duplicates.items()
        assert finding.level == "reject", finding.measured
        assert finding.others == (("one",) if name == "other" else ("other",))
        assert "remove_duplicate" in finding.repairs


BURSTS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "moved by 3 hundredths": lambda image: cropped(image, 0.03, 0.03, 0, 0),
    "nearer": lambda image: cropped(image, 0.07, 0.07, 0.07, 0.07),
    "tilted": lambda image: cropped(image.rotate(1.5, Image.Resampling.BICUBIC), 0.03, 0.03, 0.03, 0.03),
}


@pytest.mark.parametrize("way", BURSTS)
def test_frames_of_a_burst_are_near_duplicates(way: str) -> None:
    for image in (hopper().resize((1024, 1200)), scene(1, SIZE), portrait(behind=scene(2))):
        frames = {"one": cropped(image, 0, 0, 0.03, 0.03), "other": BURSTS[way](image)}
        assert len(found(frames, "near_duplicate")) == 1


def test_a_mirrored_copy_is_told() -> None:
    image = scene(3, SIZE)
    photos = {"plain": image, "mirrored": saved(ImageOps.mirror(image), 60)}
    assert found(photos, "near_duplicate") == {}
    ((name, finding),) = found(photos, "mirrored").items()
    assert finding.level == "info"
    assert finding.others == tuple(set(photos) - {name})


def test_different_photos_of_one_person_before_one_wall_are_no_duplicates() -> None:
    photos = {
        "front": portrait(),
        "lower": portrait(at=(0.5, 0.62), seed=1),
        "left": portrait(at=(0.3, 0.45), seed=2),
        "near": portrait(scale=0.32, seed=3),
        "far": portrait(scale=0.12, seed=4),
        "elsewhere": portrait(behind=scene(2)),
        "other clothes": portrait(top=(230, 220, 200), hair=(150, 100, 50), seed=5, at=(0.56, 0.4)),
    }
    assert found(photos, "near_duplicate") == {}


def test_the_sample_characters_photos_are_no_duplicates() -> None:
    photos = {path.name: Image.open(path).convert("RGB") for path in (ROOT / "trainer/mini/character").glob("*.jpg")}
    assert len(photos) >= 10
    assert found(photos, "near_duplicate") == {}


def test_empty_walls_are_not_taken_for_copies() -> None:
    walls = {f"wall {shade}": Image.new("RGB", SIZE, (shade, shade, shade)) for shade in (90, 120, 200)}
    assert found(walls, "near_duplicate") == {}


def test_the_best_of_a_group_is_kept() -> None:
    image = scene(1, (1600, 1200))
    photos: dict[str, Image.Image | Measures] = {
        "small": image.resize((1200, 900)),
        "soft": blurred(image, 4),
        "best": image,
        "squeezed": measured(saved(image, 12), replace(CAMERA, jpeg_quality=12)),
        "unrelated": scene(5, (1600, 1200)),
    }
    duplicates = found(photos, "near_duplicate")
    assert set(duplicates) == {"small", "soft", "squeezed"}
    for finding in duplicates.values():
        assert finding.others[0] == "best"
        assert set(finding.others) < {"small", "soft", "best", "squeezed"}


def test_equal_files_leave_one() -> None:
    image = scene(1)
    assert set(found({"a": image, "b": image, "c": image}, "near_duplicate")) == {"b", "c"}


def test_a_duplicate_may_be_kept() -> None:
    image = scene(1)
    kept = found({"a": image, "b": image}, "near_duplicate", {"b": frozenset({"near_duplicate"})})
    assert kept["b"].level == "kept"


def test_a_photos_own_findings_come_with_those_of_the_set() -> None:
    small = scene(1, (300, 300))
    result = set_findings({"a": measured(small), "b": measured(small)}, {"a": frozenset({"too_small"})})
    assert [(finding.code, finding.level) for finding in result["a"]] == [("too_small", "kept")]
    assert [(finding.code, finding.level) for finding in result["b"]] == [
        ("too_small", "reject"),
        ("near_duplicate", "reject"),
    ]


def test_an_empty_set_has_no_findings() -> None:
    assert set_findings({}) == {}


def test_a_thousand_photos_are_compared_in_a_second() -> None:
    random = np.random.default_rng(0)
    known = measured(scene(0, (400, 400), shapes=40))
    prints = [random.integers(0, 256, 576, dtype=np.uint8).tobytes().hex() for _ in range(950)]
    prints += prints[:50]
    photos = {str(place): replace(known, fingerprint=code) for place, code in enumerate(prints)}
    start = time.thread_time()
    result = set_findings(photos)
    assert time.thread_time() - start < 1
    assert sum(finding.code == "near_duplicate" for some in result.values() for finding in some) == 50


# Other people


def person(direction: int, turn: float = 0.0, size: int = 16) -> tuple[float, ...]:
    """A vector near an axis: one axis is one person, `turn` is how far from it."""
    vector = np.zeros(size)
    vector[direction] = np.cos(turn)
    vector[(direction + 8) % size] = np.sin(turn)
    return tuple(vector.tolist())


def face(direction: int, turn: float = 0.0, **more: float) -> Face:
    return replace(PORTRAIT_FACE, embedding=person(direction, turn), **more)


SCENES = [measured(scene(seed, (400, 400), shapes=40)) for seed in range(10)]


def with_faces(faces: list[tuple[Face, ...]]) -> dict[str, Measures]:
    return {
        f"photo {place}": replace(SCENES[place], faces=some, face_method="yunet", embeds=True)
        for place, some in enumerate(faces)
    }


def test_somebody_else_is_found() -> None:
    photos = with_faces([*[(face(0, 0.1 * place),) for place in range(6)], (face(3),)])
    ((name, finding),) = found(photos, "other_person").items()
    assert name == "photo 6"
    assert finding.level == "reject"
    assert finding.measured is not None
    assert finding.measured < limit("other_person_reject")


@pytest.mark.parametrize(("likeness", "level"), [(0.19, "reject"), (0.21, "warn"), (0.35, "warn"), (0.38, None)])
def test_likeness_is_judged_by_the_table(likeness: float, level: str | None) -> None:
    photos = with_faces([*[(face(0),)] * 5, (face(0, float(np.arccos(likeness))),)])
    finding = found(photos, "other_person").get("photo 5")
    assert (finding.level if finding else None) == level


def test_the_person_may_stand_beside_somebody_larger() -> None:
    pair = (face(3, width=0.45, height=0.45), face(0))
    assert found(with_faces([*[(face(0),)] * 5, pair]), "other_person") == {}


def test_without_a_majority_nobody_is_the_other() -> None:
    for faces in ([(face(0),), (face(3),)], [(face(0),), (face(0),), (face(3),), (face(5),)], [(face(0),)]):
        assert found(with_faces(faces), "other_person") == {}


def test_faces_without_a_vector_say_nothing() -> None:
    photos = with_faces([*[(face(0),)] * 5, (PORTRAIT_FACE,), ()])
    assert found(photos, "other_person") == {}


def test_source_facts_do_not_matter_for_likeness() -> None:
    image = scene(1)
    png = SourceFacts(format="PNG", bytes=9, width=1, height=1)
    assert set(found({"a": measured(image, png), "b": measured(image)}, "near_duplicate")) == {"a"}
