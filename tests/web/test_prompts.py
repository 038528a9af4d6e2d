"""The prompts that a job becomes in ComfyUI, and ComfyUI's own API when it refuses or is not there."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from isengard.errors import IsengardError
from isengard.library.jobs import Job
from isengard.trainer.events import EventWriter
from isengard.trainer.job import BaseFiles, JobFolder, JobState, TrainingConfig
from isengard.web.comfy_api import ComfyApi
from isengard.web.prompts import graphs_for

KINDS = ("diffusion_models", "vae", "text_encoders", "checkpoints")


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Model folders laid out as ComfyUI's."""
    for kind in KINDS:
        (tmp_path / kind / "flux").mkdir(parents=True)
    monkeypatch.setenv("ISENGARD_MODELS", str(tmp_path))
    return tmp_path


def job(path: Path, family: str, **base: str) -> Job:
    config = TrainingConfig(
        name="Ada", trigger_word="ohwx", family=family, base=BaseFiles(**base), sample_prompts=("a",)
    )
    return Job(id="ada-1", folder=JobFolder(path / "job"), state=JobState(), config=config, photos=3)


def kinds(graph: dict[str, dict[str, object]]) -> set[object]:
    return {node["class_type"] for node in graph.values()}


def test_mini_is_one_prompt(models: Path) -> None:
    """It carries the job's id, and does not begin a job that was stopped."""
    (graph,) = graphs_for(job(models, "mini"))
    assert kinds(graph) == {"IsengardJob", "IsengardTrainLoRA"}
    assert graph["job"]["inputs"] == {"job": "ada-1", "go_on": False}


def test_flux_is_two_prompts_with_comfyuis_own_loaders(models: Path) -> None:
    """Names are those of ComfyUI's lists, subfolders included."""
    files = {
        "vae": "vae/ae.safetensors",
        "clip": "text_encoders/clip_l.safetensors",
        "t5": "text_encoders/flux/t5.safetensors",
    }
    prepare, train = graphs_for(job(models, "flux1-dev", **{part: str(models / file) for part, file in files.items()}))
    assert kinds(prepare) == {"IsengardJob", "VAELoader", "DualCLIPLoader", "IsengardPrepare"}
    assert prepare["clip"]["inputs"]["clip_name2"] == str(Path("flux") / "t5.safetensors")
    assert prepare["vae"]["inputs"]["vae_name"] == "ae.safetensors"
    assert kinds(train) == {"IsengardJob", "IsengardTrainLoRA"}


def test_an_all_in_one_file_is_loaded_as_one(models: Path) -> None:
    """VAE and text encoders out of the checkpoint that holds the transformer."""
    prepare, _ = graphs_for(job(models, "flux1-dev", transformer=str(models / "checkpoints" / "all.safetensors")))
    assert kinds(prepare) == {"IsengardJob", "CheckpointLoaderSimple", "IsengardPrepare"}
    assert (prepare["prepare"]["inputs"]["clip"], prepare["prepare"]["inputs"]["vae"]) == (
        ["checkpoint", 1],
        ["checkpoint", 2],
    )


def test_what_comfyui_can_not_load_is_left_to_the_trainer(models: Path, tmp_path: Path) -> None:
    """Files elsewhere, and a job that has checkpoints already: one prompt."""
    elsewhere = str(tmp_path / "other" / "ae.safetensors")
    assert len(graphs_for(job(models, "flux1-dev", vae=elsewhere, clip=elsewhere, t5=elsewhere))) == 1
    begun = job(models, "flux1-dev", transformer=str(models / "checkpoints" / "all.safetensors"))
    folder = begun.folder.checkpoints / "step_000010"
    folder.mkdir(parents=True)
    (folder / "ada_step000010.safetensors").write_bytes(b"")
    assert len(graphs_for(dataclasses.replace(begun))) == 1


def test_what_is_encoded_is_not_encoded_again(models: Path) -> None:
    """A job that was stopped before its first checkpoint needs the text encoders no more."""
    found = job(models, "flux1-dev", transformer=str(models / "checkpoints" / "all.safetensors"))
    found.folder.path.mkdir()
    writer = EventWriter(found.folder.events_file)
    writer.write("progress", phase="encode", done=1, total=2)
    assert len(graphs_for(found)) == 2
    writer.write("progress", phase="encode", done=2, total=2)
    writer.close()
    assert len(graphs_for(found)) == 1


def test_nobody_at_the_address_is_told() -> None:
    """With the address."""
    with pytest.raises(IsengardError, match=r"COMFYUI_UNREACHABLE.*127\.0\.0\.1:1"):
        ComfyApi(lambda: "http://127.0.0.1:1").queue()
