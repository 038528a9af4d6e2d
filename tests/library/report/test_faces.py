"""Faces: the finders that OpenCV carries, what is judged on a face, and the crop around it."""

import importlib.util
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from isengard.library.report import detectors
from isengard.library.report.detectors import Haar, ModelUnusableError, load_cv2
from isengard.library.report.faces import SFACE_FILES, YUNET_FILES, FaceFinder, face_finder, where_to_get
from isengard.library.report.findings import not_measured, photo_findings
from isengard.tests.library.report import onnx_made
from isengard.tests.library.report.made import (
    findings,
    hopper,
    measured,
    portrait,
    scene,
)

needs_cv2 = pytest.mark.skipif(importlib.util.find_spec("cv2") is None, reason="OpenCV is not installed")
HOPPER_FACE = (0.29, 0.18, 0.44, 0.37)
"""Where anybody sees the face in that photo."""


def overlap(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Intersection over union."""
    wide = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    high = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    both = max(0.0, wide) * max(0.0, high)
    return both / (one[2] * one[3] + other[2] * other[3] - both)


@pytest.fixture
def haar() -> FaceFinder:
    cv2 = load_cv2()
    if cv2 is None:
        pytest.skip("OpenCV is not installed")
    try:
        return FaceFinder(Haar(cv2))
    except ModelUnusableError as problem:
        pytest.skip(str(problem))


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A folder with stand-ins for YuNet and SFace, under a name that Windows' OpenCV couldn't open."""
    folder = tmp_path / "modèles 模型"
    folder.mkdir()
    (folder / "face_detection_yunet_2023mar.onnx").write_bytes(onnx_made.yunet())
    (folder / "face_recognition_sface_2021dec.onnx").write_bytes(onnx_made.sface())
    return folder


def marked(
    size: tuple[int, int], *middles: tuple[float, float], colour: tuple[int, int, int] = (90, 100, 110)
) -> Image.Image:
    """A picture with red squares that the stand-in takes for faces, one cell of its grid each."""
    image = Image.new("RGB", size, colour)
    cell = max(size) / 20
    for x, y in middles:
        left, top = (int(at * side / cell) * cell for at, side in zip((x, y), size, strict=True))
        ImageDraw.Draw(image).rectangle((left, top, left + cell - 1, top + cell - 1), fill=(255, 0, 0))
    return image


# The rough finder, on a photograph and on drawings


def test_the_rough_finder_finds_a_real_face(haar: FaceFinder) -> None:
    for size in ((512, 600), (1748, 2048), (256, 300)):
        (face,) = haar.find(hopper().resize(size))
        assert overlap(face.box, HOPPER_FACE) > 0.7
        assert face.landmarks is None
        assert face.embedding is None


def test_the_rough_finder_finds_nothing_where_there_is_no_face(haar: FaceFinder) -> None:
    for image in (scene(1), scene(2), Image.new("RGB", (640, 480), "white")):
        assert haar.find(image) == ()


def test_what_the_rough_finder_says_is_worded_as_rough(haar: FaceFinder) -> None:
    finding = findings(scene(1), finder=haar)["no_face"]
    assert finding.level == "info"
    assert "rough finder" in finding.message
    known = measured(hopper(), finder=haar)
    assert (known.face_method, known.pose, known.framing) == ("haar", None, "head and shoulders")
    sentences = not_measured(known)
    assert any(sentence.startswith("Pose was not measured") for sentence in sentences)
    assert any("same person was not measured" in sentence for sentence in sentences)


def test_two_real_faces_are_several(haar: FaceFinder) -> None:
    pair = Image.new("RGB", (1100, 640), (100, 110, 120))
    pair.paste(hopper().resize((500, 586)), (20, 20))
    pair.paste(hopper().resize((500, 586)), (560, 20))
    finding = findings(pair, finder=haar)["several_faces"]
    assert finding.level == "info"
    assert "2 faces" in finding.message
    assert finding.repairs[0] == "crop_face"


# YuNet and SFace: OpenCV's own code with stand-in networks


@needs_cv2
def test_a_model_file_brings_the_better_finder(models: Path) -> None:
    finder = face_finder(models)
    assert (finder.method, finder.embeds, finder.notes) == ("yunet", True, ())


@needs_cv2
@pytest.mark.parametrize("size", [(640, 640), (1280, 960), (600, 2000), (320, 200)], ids=str)
def test_places_are_shares_of_the_picture_whatever_its_size(models: Path, size: tuple[int, int]) -> None:
    (face,) = face_finder(models).find(marked(size, (0.5, 0.5)))
    cell = max(size) / 20
    middle = ((int(0.5 * side / cell) + 0.5) * cell for side in size)
    x, y = (at / side for at, side in zip(middle, size, strict=True))
    wide, high = (onnx_made.FACE_CELLS * cell / side for side in size)
    box = (max(0, x - wide / 2), max(0, y - high / 2), min(1, wide), min(1, high))
    assert overlap(face.box, box) > 0.9
    assert face.score > 0.8
    assert face.landmarks is not None
    for (mark_x, mark_y), (shift_x, shift_y) in zip(face.landmarks, onnx_made.MARKS, strict=True):
        assert mark_x == pytest.approx(x + shift_x * cell / size[0], abs=0.02)
        assert mark_y == pytest.approx(y + shift_y * cell / size[1], abs=0.02)


@needs_cv2
def test_a_face_that_is_too_large_is_found_in_a_smaller_copy(models: Path) -> None:
    """The stand-in needs a whole cell of red; here it is told about one that is only seen in the smaller copy."""
    image = Image.new("RGB", (640, 640), (90, 100, 110))
    draw = ImageDraw.Draw(image)
    for left in range(160, 240, 4):  # red and grey stripes: their mean is red only where a cell covers nothing else
        draw.rectangle((left, 160, left + 1, 239), fill=(255, 0, 0))
        draw.rectangle((left + 2, 160, left + 3, 239), fill=(255, 0, 0))
    (face,) = face_finder(models).find(image)
    assert overlap(face.box, (0.25, 0.25, 0.125, 0.125)) > 0.1


@needs_cv2
def test_no_face_is_said_plainly_by_the_better_finder(models: Path) -> None:
    finding = findings(scene(1), finder=face_finder(models))["no_face"]
    assert finding.level == "warn"
    assert "rough" not in finding.message


@needs_cv2
def test_faces_come_with_vectors_of_unit_length_that_tell_colours_apart(models: Path) -> None:
    finder = face_finder(models)
    vectors = []
    for colour in ((90, 100, 110), (92, 100, 108), (20, 160, 40)):
        (face,) = finder.find(marked((960, 960), (0.5, 0.5), colour=colour))
        assert face.embedding is not None
        assert sum(value**2 for value in face.embedding) == pytest.approx(1, abs=1e-3)
        vectors.append(face.embedding)
    alike, different = (sum(a * b for a, b in zip(vectors[0], other, strict=True)) for other in vectors[1:])
    assert alike > 0.9 > different


@needs_cv2
@pytest.mark.parametrize("content", [b"", b"not a model", onnx_made.yunet()[:-200], onnx_made.sface()], ids=len)
def test_a_broken_model_counts_as_absent_and_is_told(models: Path, content: bytes) -> None:
    (models / "face_detection_yunet_2023mar.onnx").write_bytes(content)
    finder = face_finder(models)
    assert finder.method in ("haar", "none")
    assert not finder.embeds
    assert any("face_detection_yunet_2023mar.onnx" in note for note in finder.notes)
    assert all(note.endswith(".") for note in finder.notes)


@needs_cv2
def test_a_broken_recogniser_leaves_the_finder(models: Path) -> None:
    (models / "face_recognition_sface_2021dec.onnx").write_bytes(b"not a model")
    finder = face_finder(models)
    assert (finder.method, finder.embeds) == ("yunet", False)
    assert "face_recognition_sface_2021dec.onnx" in finder.notes[0]


@needs_cv2
def test_of_several_files_the_newest_that_works_is_taken(models: Path) -> None:
    (models / "face_detection_yunet_2026may.onnx").write_bytes(b"cut short")
    (models / "face_detection_yunet_2027jan_int8.onnx").write_bytes(b"not asked for")
    finder = face_finder(models)
    assert finder.method == "yunet"
    assert len(finder.notes) == 1


def test_without_opencv_nothing_is_found_and_nothing_is_called_fine(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("isengard.library.report.faces.load_cv2", lambda: None)
    finder = face_finder(models)
    assert (finder.method, finder.embeds) == ("none", False)
    known = measured(portrait(), finder=finder)
    assert known.faces is None
    assert (known.framing, known.pose, known.clothes) == (None, None, None)
    assert {"no_face", "several_faces", "face_too_small"}.isdisjoint(f.code for f in photo_findings(known))
    text = " ".join(not_measured(known))
    assert "Faces, framing, pose and clothes were not measured. OpenCV isn't installed" in text
    assert "same person was not measured" in text


def test_an_opencv_without_cascades_and_models_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Bare:
        __version__ = "5.0.0"

    monkeypatch.setattr("isengard.library.report.faces.load_cv2", Bare)
    finder = face_finder(tmp_path)
    assert finder.method == "none"
    assert finder.notes == ("OpenCV 5.0.0 comes without Haar cascades.",)
    (tmp_path / "face_detection_yunet_2023mar.onnx").write_bytes(onnx_made.yunet())
    assert "OpenCV 5.0.0 has no FaceDetectorYN." in face_finder(tmp_path).notes


def test_a_folder_that_is_missing_is_no_error(tmp_path: Path) -> None:
    assert face_finder(tmp_path / "gone").method in ("haar", "none")
    assert face_finder(None).method in ("haar", "none")


def test_a_broken_opencv_counts_as_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cv2.py").write_text("raise AttributeError('compiled for another numpy')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "cv2", raising=False)
    assert detectors.load_cv2() is None


def test_what_can_be_added_is_listed_with_its_licence() -> None:
    files = where_to_get()
    assert [Path(one.file).match(pattern) for one, pattern in zip(files, (YUNET_FILES, SFACE_FILES), strict=True)] == [
        True,
        True,
    ]
    for one in files:
        assert one.purpose.endswith(".")
        assert one.licence in ("MIT", "Apache-2.0")
        assert one.megabytes > 0
