"""One training on several files of its base model: the same job, the one that is there, or a new one."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from isengard.errors import IsengardError
from isengard.library.characters import Character
from isengard.library.jobs import Jobs
from isengard.library.plans import Wish
from isengard.library.store import Library
from isengard.tests.trainer.jobs import write_photos

SHAPES = {
    "double_blocks.0.img_attn.qkv.weight": (9216, 3072), "img_in.weight": (3072, 64), "txt_in.weight": (3072, 4096),
    "vector_in.in_layer.weight": (3072, 768), "guidance_in.in_layer.weight": (3072, 256),
}  # fmt: skip
"""What tells a FLUX.1-dev by its header."""


def write_flux(path: Path, more: int = 0) -> Path:
    """A file with the header of FLUX.1-dev and holes for weights."""
    entries, end = {}, 0
    for name, (rows, columns) in {**SHAPES, "final_layer.linear.bias": (64 + more, 1)}.items():
        size = 2 * rows * columns
        entries[name] = {"dtype": "BF16", "shape": [rows, columns], "data_offsets": [end, end + size]}
        end += size
    header = json.dumps(entries).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        file.truncate(8 + len(header) + end)
    return path


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Two transformers in the model folders."""
    folder = tmp_path / "models" / "diffusion_models"
    folder.mkdir(parents=True)
    monkeypatch.setenv("ISENGARD_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr("isengard.settings.comfyui_path", lambda: None)
    return write_flux(folder / "flux1-dev.safetensors"), write_flux(folder / "flux-other.safetensors", more=8)


@pytest.fixture
def jobs(library: Library, ada: Character, files: tuple[Path, Path]) -> Jobs:
    library.folder(ada.id).images.parent.mkdir(parents=True, exist_ok=True)
    write_photos(library.folder(ada.id).images)
    return Jobs(library)


WISH = Wish(
    character="ada", family="flux1-dev", preset="quick", settings={"resolutions": [64], "steps": 12}, encoders=False
)


def test_without_encoders_a_job_needs_the_transformer_alone(jobs: Jobs, files: tuple[Path, Path]) -> None:
    """A graph has the others; where the job must encode by itself they are an obstacle."""
    job = jobs.create(WISH).job
    assert (job.config.base.transformer, job.config.base.vae) == (str(files[0]), "")
    with pytest.raises(IsengardError, match="MODEL_MISSING"):
        jobs.create(Wish(character="ada", family="flux1-dev", preset="quick"))


def test_an_untrained_job_changes_its_file(jobs: Jobs, files: tuple[Path, Path]) -> None:
    """And the file that it has already changes nothing."""
    job = jobs.create(WISH).job
    assert jobs.on_transformer(job.id, files[0]) == job
    changed = jobs.on_transformer(job.id, files[1])
    assert (changed.id, changed.config.base.transformer) == (job.id, str(files[1]))


def test_a_trained_job_stays_and_another_is_made_once(jobs: Jobs, files: tuple[Path, Path]) -> None:
    """Asked for twice it is found; it has photos and settings of the first."""
    job = jobs.create(WISH).job
    with job.folder.writer() as writer:
        writer.set_state("preparing")
        writer.set_state("training")
        writer.set_state("done", step=12)
    other = jobs.on_transformer(job.id, files[1])
    assert other.id != job.id
    assert (other.state.state, other.config.base.transformer, other.photos) == ("queued", str(files[1]), job.photos)
    assert jobs.on_transformer(job.id, files[1]).id == other.id
    assert jobs.get(job.id).config.base.transformer == str(files[0])


def test_a_file_that_is_no_base_model_is_refused(jobs: Jobs, tmp_path: Path) -> None:
    """By what it is, or as missing."""
    job = jobs.create(WISH).job
    for path in (tmp_path / "nothing.safetensors", tmp_path / "models" / "wrong.safetensors"):
        if path.name.startswith("wrong"):
            path.write_bytes(struct.pack("<Q", 2) + b"{}")
        with pytest.raises(IsengardError, match="MODEL_"):
            jobs.on_transformer(job.id, path)
