"""FLUX.1-dev from the command line: photos and the files that people have become a LoRA, in small, on the CPU."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from isengard.tests.flux_files import clip_weights, original_vae, small_flux, t5_weights, vae_weights
from isengard.tests.trainer.jobs import train, write_photos
from isengard.trainer.job import ExitCode, JobFolder, read_events
from isengard.trainer.lora_file import read_lora_metadata
from isengard.trainer.mini import MODEL_DIR

__all__ = ["small_flux"]
CLIP_WORDS, T5_WORDS = 888, 435
"""Sizes of the embedded model's vocabularies, whose tokenizers serve here."""
SMALL = [
    "resolutions=64",
    "rank=4",
    "log_every=1",
    "sample_every=2",
    "sample_steps=1",
    "sample_width=64",
    "sample_height=64",
    "max_text_tokens=16",
    "device=cpu",
]


@pytest.fixture
def encoders(tmp_path: Path) -> dict[str, Path]:
    """VAE, CLIP-L and T5 as single files under their usual names; the text encoders have two layers."""
    files = {
        "vae": (original_vae(vae_weights()), "ae.safetensors"),
        "clip": (clip_weights(CLIP_WORDS), "clip_l.safetensors"),
        "t5": (t5_weights(T5_WORDS), "t5xxl_fp16.safetensors"),
    }
    for weights, name in files.values():
        save_file(weights, tmp_path / name)
    return {part: tmp_path / name for part, (_, name) in files.items()}


@pytest.mark.slow
def test_photos_become_a_flux_lora_and_a_prepared_job_needs_no_encoders(
    small_flux: Path, encoders: dict[str, Path], tmp_path: Path
) -> None:
    """True width, one double and one single block; the encoders' files are gone before the training begins."""
    photos, job = write_photos(tmp_path / "photos"), JobFolder(tmp_path / "job")
    settings = [f"--set={setting}" for setting in (*SMALL, "steps=2", "sample_prompts=portrait of {trigger}")]
    files = [f"--{part}={path}" for part, path in {"transformer": small_flux, **encoders}.items()]
    new = ["--photos", str(photos), "--base=flux1-dev", f"--tokenizers={MODEL_DIR}", "--out", str(job.path)]
    code, output = train(*new, *files, *settings, "--prepare")
    assert code == ExitCode.DONE, output
    assert job.state().state == "queued"
    for path in encoders.values():
        path.unlink()
    code, output = train(job.path)
    assert code == ExitCode.DONE, output
    result = json.loads(job.result_file.read_text())
    tensors = load_file(job.path / result["lora"])
    assert all(key.startswith("transformer.") for key in tensors)
    assert any(value.any() for key, value in tensors.items() if "lora_B" in key), "something was learned"
    assert read_lora_metadata(job.path / result["lora"])["modelspec.architecture"] == "flux-1-dev/lora"
    assert [event["step"] for event in read_events(job.events_file) if event["type"] == "loss"] == [1, 2]
    assert len(result["samples"]) == 2, "before and after"
