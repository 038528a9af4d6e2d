"""Base models are found where people keep them: in the folders for models and in folders inside these."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from isengard.library import basemodels


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder laid out like ComfyUI's `models`."""
    monkeypatch.setenv("ISENGARD_MODELS", str(tmp_path / "models"))
    monkeypatch.delenv("COMFYUI_PATH", raising=False)
    return tmp_path / "models"


def put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"no weights")
    return path


def found(part: str) -> list[str]:
    (one,) = (one for one in basemodels.survey("flux1-dev") if one.wanted.part == part)
    return [path.name for path in (*([one.path] if one.path else []), *one.others)]


def test_files_in_folders_inside_are_found_the_usual_name_first(models: Path) -> None:
    put(models / "diffusion_models" / "mine" / "a_flux_finetune.safetensors")
    put(models / "diffusion_models" / "FLUX1" / "deep" / "flux1-dev.safetensors")
    put(models / "diffusion_models" / "sdxl.safetensors")
    put(models / "vae" / "flux" / "ae.safetensors")
    assert found("transformer")[0] == "flux1-dev.safetensors"
    assert "sdxl.safetensors" not in found("transformer")
    assert found("vae") == ["ae.safetensors"]
    assert found("clip") == []


def test_the_outer_file_of_two_of_a_name_is_taken(models: Path) -> None:
    outer = put(models / "diffusion_models" / "flux1-dev.safetensors")
    put(models / "diffusion_models" / "a" / "flux1-dev.safetensors")
    assert basemodels.files_in(models / "diffusion_models")[0] == outer
    assert basemodels.files_in(models / "nowhere") == []


@pytest.mark.skipif(sys.platform == "win32", reason="links need leave there")
def test_models_that_lie_on_another_disk_are_found_through_their_link(models: Path, tmp_path: Path) -> None:
    """A folder inside is a link, as ComfyUI's users make them; one that leads back to where it lies ends nowhere."""
    put(tmp_path / "large disk" / "flux" / "flux1-dev.safetensors")
    (models / "diffusion_models").mkdir(parents=True)
    (models / "diffusion_models" / "large").symlink_to(tmp_path / "large disk", target_is_directory=True)
    (tmp_path / "large disk" / "flux" / "back").symlink_to(tmp_path / "large disk", target_is_directory=True)
    assert found("transformer") == ["flux1-dev.safetensors"]
