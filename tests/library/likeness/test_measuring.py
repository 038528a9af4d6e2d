"""Samples of a job are compared with its photos by real programs; the figures are kept, the faces are not."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from PIL import Image

from isengard.errors import IsengardError
from isengard.library.likeness import measuring
from isengard.library.report.detectors import load_cv2
from isengard.tests.library.report import onnx_made
from isengard.tests.library.report.test_faces import marked
from isengard.trainer.job import JobFolder
from isengard.trainer.mini import CHARACTER_DIR
from isengard.trainer.plan import make_job
from isengard.trainer.presets import preset_config

PROMPTS = ("{trigger} woman", "{trigger} woman smiling", "woman")
STRANGER, KNOWN = (20, 160, 40), (90, 100, 110)


def job_of(folder: Path, photos: Path, family: str) -> JobFolder:
    config = preset_config(
        "balanced", family, 14, name="Ada", trigger_word="ohwx", class_word="woman", sample_prompts=PROMPTS, seed=1
    )
    job = make_job(folder / "job", config, photos).job
    job.samples.mkdir()
    return job


def add_samples(job: JobFolder, step: int, *pictures: Image.Image) -> None:
    for prompt, picture in enumerate(pictures):
        picture.save(job.samples / f"step_{step:06d}_{prompt}.png")
    (job.checkpoints / f"step_{step:06d}").mkdir(parents=True)
    (job.checkpoints / f"step_{step:06d}" / f"a_step{step}.safetensors").write_bytes(b"")


@pytest.fixture
def drawn(tmp_path: Path) -> JobFolder:
    """A job on the embedded model, with Ada's photos."""
    return job_of(tmp_path, CHARACTER_DIR, "mini")


@pytest.fixture
def photographed(tmp_path: Path) -> JobFolder:
    """A job on FLUX.1 with photos of one colour, by which the stand-in for a face model tells people apart."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(3):
        marked((960, 960), (0.5, 0.5), colour=(KNOWN[0] + number, *KNOWN[1:])).save(photos / f"{number}.png")
    return job_of(tmp_path, photos, "flux1-dev")


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """Stand-ins for the face models."""
    if load_cv2() is None:
        pytest.skip("OpenCV is not installed")
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "face_detection_yunet_2023mar.onnx").write_bytes(onnx_made.yunet())
    (folder / "face_recognition_sface_2021dec.onnx").write_bytes(onnx_made.sface())
    return folder


@pytest.mark.slow
def test_drawn_people_are_told_apart(drawn: JobFolder, tmp_path: Path) -> None:
    """Ada's own photos as samples are like her; a stranger's are not."""
    ada = [Image.open(path).convert("RGB") for path in sorted(CHARACTER_DIR.glob("*.jpg"))[:2]]
    stranger = Image.new("RGB", (128, 128), STRANGER)
    add_samples(drawn, 0, stranger, stranger, stranger)
    add_samples(drawn, 100, *ada, stranger)
    assert measuring.measure(tmp_path, drawn)
    found = measuring.measured(drawn)
    before, after = found.steps
    assert (found.method, found.missing, found.photos) == ("drawn", "", 14)
    assert before.likeness is not None
    assert after.likeness is not None
    assert after.leak is not None
    assert found.among_photos is not None
    assert min(after.likeness, found.among_photos) > 0.9
    assert max(before.likeness, after.leak) < 0.6
    assert found.recommended == 100


def test_faces_in_photographs_are_compared(photographed: JobFolder, models: Path) -> None:
    known, stranger = (marked((640, 640), (0.5, 0.5), colour=colour) for colour in (KNOWN, STRANGER))
    nobody = Image.new("RGB", (640, 640), KNOWN)
    add_samples(photographed, 50, known, nobody, stranger)
    assert measuring.waiting(models, photographed)
    assert measuring.measure(models, photographed)
    (step,) = measuring.measured(photographed).steps
    assert step.likeness is not None
    assert step.leak is not None
    assert step.likeness > 0.9 > step.leak
    assert (step.seen, step.pictures) == (1, 2)


def test_only_new_pictures_are_looked_at_and_no_vector_is_kept(photographed: JobFolder, models: Path) -> None:
    known, stranger = (marked((640, 640), (0.5, 0.5), colour=colour) for colour in (KNOWN, STRANGER))
    add_samples(photographed, 50, known)
    assert measuring.measure(models, photographed)
    assert not measuring.waiting(models, photographed)
    assert not measuring.measure(models, photographed)
    kept = (photographed.path / measuring.FILE).read_text(encoding="utf-8")
    assert "vector" not in kept
    assert len(kept) < 400
    stranger.save(photographed.samples / "step_000050_0.png")
    os.utime(photographed.samples / "step_000050_0.png", (1, 1))
    assert measuring.waiting(models, photographed)
    assert measuring.measure(models, photographed)
    (step,) = measuring.measured(photographed).steps
    assert step.likeness is not None
    assert step.likeness < 0.9


def test_without_a_face_model_it_says_what_to_get_and_tries_again_once_it_is_there(
    photographed: JobFolder, models: Path, tmp_path: Path
) -> None:
    add_samples(photographed, 50, marked((640, 640), (0.5, 0.5), colour=KNOWN))
    empty = tmp_path / "none"
    assert measuring.measure(empty, photographed)
    found = measuring.measured(photographed)
    assert "face_recognition_sface_2021dec.onnx" in found.missing
    assert [step.likeness for step in found.steps] == []
    assert not measuring.waiting(empty, photographed)
    assert measuring.waiting(models, photographed)
    assert measuring.measure(models, photographed)
    assert measuring.measured(photographed).missing == ""


def test_a_damaged_picture_counts_as_one_without_a_face(photographed: JobFolder, models: Path) -> None:
    add_samples(photographed, 50, marked((640, 640), (0.5, 0.5), colour=KNOWN))
    (photographed.samples / "step_000050_1.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert measuring.measure(models, photographed)
    (step,) = measuring.measured(photographed).steps
    assert (step.seen, step.pictures) == (1, 2)


def test_a_damaged_record_is_made_anew(photographed: JobFolder, models: Path) -> None:
    add_samples(photographed, 50, marked((640, 640), (0.5, 0.5), colour=KNOWN))
    (photographed.path / measuring.FILE).write_text('{"format": 1, "pictures": []}')
    assert measuring.measure(models, photographed)
    assert measuring.measured(photographed).steps[0].seen == 1


def test_a_program_that_dies_is_told(photographed: JobFolder, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_samples(photographed, 50, marked((640, 640), (0.5, 0.5), colour=KNOWN))
    monkeypatch.setattr(measuring, "_PHOTOGRAPHS", ("sface", "_no_such_program"))
    with pytest.raises(IsengardError, match="LIKENESS_FAILED"):
        measuring.measure(models, photographed)


@pytest.mark.parametrize(
    "odd",
    [
        {"pictures": {"step_000010_0.png": {"mark": "1 1", "score": "high"}}}, {"pictures": {"step_000010_0.png": 5}},
        {"pictures": {"step_000010_0.png": {"score": 1e400}}}, {"photos": "many"}, {"photos": None}, {"missing": 5},
        {"missing": {"message": "x"}}, {"among_photos": [1]},
    ],
)  # fmt: skip
def test_figures_that_are_none_are_measured_again(drawn: JobFolder, tmp_path: Path, odd: dict[str, object]) -> None:
    """A job may come from elsewhere."""
    add_samples(drawn, 10, Image.new("RGB", (64, 64)))
    (drawn.path / measuring.FILE).write_text(json.dumps({"format": 1, "method": "drawn", "pictures": {}, **odd}))
    assert measuring.measured(drawn).steps == ()
    assert measuring.waiting(tmp_path, drawn)
