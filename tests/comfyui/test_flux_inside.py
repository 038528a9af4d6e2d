"""FLUX.1 in a real ComfyUI: conditioning from its own VAE and CLIP, a training on it, the LoRA on its own model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from isengard import settings
from isengard.tests.comfyui.flux_host import flux_models, furnish, small_flux
from isengard.tests.comfyui.running import LONG, Running, node, training
from isengard.tests.comfyui.small_flux import TINY
from isengard.trainer.cache import Cache, images_of, texts_of
from isengard.trainer.families.flux1_codec import FluxCodec
from isengard.trainer.job import JobFolder
from isengard.trainer.modelfiles import identify
from isengard.trainer.prepare import _pixels

__all__ = ["flux_models", "small_flux"]
pytestmark = [pytest.mark.slow, pytest.mark.comfyui]


@pytest.fixture
def host(another: Callable[..., Running], flux_models: Path) -> Running:
    """A ComfyUI with small FLUX files and the loader for a small T5."""
    return furnish(another(), flux_models, words=256).start()


def graph() -> dict[str, Any]:
    return {
        "vae": node("VAELoader", vae_name="ae.safetensors"),
        "clip": node("DualCLIPLoader", clip_name1="clip_l.safetensors", clip_name2="t5xxl_fp16.safetensors",
                     type="flux"),
        "character": node("IsengardCharacter", character="ada"),
        "prepare": node("IsengardPrepare", character=["character", 0], vae=["vae", 0], clip=["clip", 0], preset="quick",
                        base_model="flux1-dev", steps=2, rank=2, settings=json.dumps(TINY)),
        "train": node("IsengardTrainLoRA", job=["prepare", 0], base_model_file="as in the job", train_again=False),
        "model": node("UNETLoader", unet_name="flux1-dev.safetensors", weight_dtype="default"),
        "apply": node("IsengardApplyCharacter", model=["model", 0], version="latest", strength=1.0, lora=["train", 0]),
        "words": node("IsengardPrompt", prompt="{trigger}, smiling", trigger_word=["apply", 1], clip=["clip", 0]),
        "size": node("EmptySD3LatentImage", width=64, height=64, batch_size=1),
        "sample": node("KSampler", model=["apply", 0], seed=1, steps=1, cfg=1.0, sampler_name="euler",
                       scheduler="simple", positive=["words", 0], negative=["words", 0], latent_image=["size", 0],
                       denoise=1.0),
        "decode": node("VAEDecode", samples=["sample", 0], vae=["vae", 0]),
        "show": node("PreviewImage", images=["decode", 0]),
    }  # fmt: skip


def test_trained_on_comfyuis_own_conditioning_and_used_there(host: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache holds what our own codec gives for the same files; Train needs no encoder; every LoRA key loads."""
    outputs = host.run(graph())
    assert len(outputs["show"]["images"]) == 1
    assert "lora key not loaded" not in host.log
    found = host.jobs()[0]
    assert (found["state"], found["family"], found["step"]) == ("done", "flux1-dev", 2)
    job = JobFolder(host.root / "jobs" / found["id"])
    config, photos, cache = job.config(), job.dataset(), Cache.of(job)
    assert cache is not None
    assert cache.is_complete(config, photos)
    monkeypatch.setattr(settings, "comfyui_path", lambda: host.comfyui.path)
    folder = host.base / "models"
    files = {"vae": folder / "vae" / "ae.safetensors", "clip": folder / "text_encoders" / "clip_l.safetensors",
             "t5": folder / "text_encoders" / "t5xxl_fp16.safetensors"}  # fmt: skip
    codec = FluxCodec({name: identify(path).parts[name] for name, path in files.items()}, "", 256, torch.device("cpu"))
    photo, bucket, mirrored = images_of(config, photos)[0]
    theirs = load_file(cache.latents_file(photo, bucket, mirrored))["latents"]
    assert _close(theirs, codec.encode_image(_pixels(job, photo, bucket, mirrored)), 1e-3)
    for text in texts_of(config, photos)[:3]:
        theirs_text, ours = load_file(cache.text_file(text)), codec.encode_text(text)
        assert all(_close(theirs_text[name], ours[name], 1e-3) for name in ("text", "pooled")), text
    _queued_over_http_it_is_two_prompts(host)


def _queued_over_http_it_is_two_prompts(host: Running) -> None:
    """ComfyUI knows the files by the names that the prompts give its loaders; cancelling takes both away."""
    busy = host.put(training(60_000, LONG))
    host.until(lambda: host.jobs()[0]["state"] == "training", "never busy")
    settings = {**TINY, "steps": 2, "rank": 2, "seed": 5}
    body = {"character": "ada", "preset": "quick", "family": "flux1-dev", "settings": settings}
    job = host.ours.post("/training", body, status=201)["id"]
    pending = sorted(host.theirs.get("/queue")["queue_pending"], key=lambda item: item[0])
    first, second = ({step["class_type"] for step in item[2].values()} for item in pending)
    assert first == {"IsengardJob", "VAELoader", "DualCLIPLoader", "IsengardPrepare"}
    assert second == {"IsengardJob", "IsengardTrainLoRA"}
    assert host.ours.get("/training")["order"] == [job]
    host.ours.post(f"/training/{job}/cancel")
    assert host.theirs.get("/queue")["queue_pending"] == []
    host.theirs.ask("POST", "/interrupt", {"prompt_id": busy})
    host.end_of(busy)


def _close(one: torch.Tensor, other: torch.Tensor, share: float) -> bool:
    assert one.shape == other.shape
    return float((one - other).norm()) < share * float(other.norm())
