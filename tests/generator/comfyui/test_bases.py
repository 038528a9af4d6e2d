"""FLUX.1's files in a ComfyUI's lists: told by header where they can be seen, else by name; the best first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from isengard import settings
from isengard.errors import IsengardError
from isengard.generator.comfyui import bases
from isengard.generator.comfyui.offer import Offer
from isengard.trainer.job import BaseFiles

NO_WISH = BaseFiles()
PARTS: dict[str, Any] = {"clip": ["clip_l.safetensors", "t5xxl_fp16.safetensors"], "vae": ["ae.safetensors"]}


def offer(unet: Any = (), checkpoints: Any = (), *, clip: Any = (), vae: Any = (), local: bool = False) -> Offer:
    """A ComfyUI with these files in its lists; one of them in the newer way of writing lists."""

    def lists(**names: Any) -> dict[str, Any]:
        return {"input": {"required": {name: [list(found), {}] for name, found in names.items()}}}

    newer = {"input": {"required": {"vae_name": ["COMBO", {"options": list(vae)}]}}}
    nodes = {
        "UNETLoader": lists(unet_name=unet),
        "CheckpointLoaderSimple": lists(ckpt_name=checkpoints),
        "DualCLIPLoader": lists(clip_name1=clip, clip_name2=clip),
        "VAELoader": newer,
    }
    return Offer(nodes, "cpu", local)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("flux1-dev.safetensors", "FLUX.1-dev"),
        ("FLUX/flux1-dev-fp8_e4m3fn.safetensors", "FLUX.1-dev"),
        ("flux\\FLUX.1-dev-fp8-scaled.safetensors", "FLUX.1-dev"),
        ("flux1-krea-dev_fp8_scaled.safetensors", "FLUX.1 Krea"),
        ("flux1-schnell.safetensors", "FLUX.1-schnell"),
        ("fluxRealistic_v20.safetensors", "FLUX.1-dev"),
        ("flux1-fill-dev.safetensors", ""),
        ("flux1-canny-dev.safetensors", ""),
        ("flux1-dev-kontext_fp8_scaled.safetensors", ""),
        ("flux2-dev.safetensors", ""),
        ("flux-2-klein-9b.safetensors", ""),
        ("flux1-dev-Q4_K_S.gguf", ""),
        ("svdq-int4-flux.1-dev.safetensors", ""),
        ("flux1-dev-bnb-nf4-v2.safetensors", ""),
        ("chroma-unlocked-v35.safetensors", ""),
        ("sd_xl_base_1.0.safetensors", ""),
    ],
)
def test_a_file_is_told_by_its_name(name: str, kind: str) -> None:
    """Where only ComfyUI sees it: what else has FLUX in its name is not taken for it."""
    for found in (bases.find_all(offer([name], **PARTS), NO_WISH), bases.find_all(offer((), [name]), NO_WISH)):
        assert [files.kind.title for files in found] == ([kind] if kind else [])


def test_the_best_comes_first() -> None:
    """What can be used at once, then what the LoRA was trained on, then dev before Krea before schnell."""
    names = ["flux1-schnell.safetensors", "sub/flux1-krea-dev.safetensors", "b/flux1-dev.safetensors"]
    found = bases.find_all(offer(names, **PARTS), NO_WISH)
    assert [files.transformer for files in found] == names[::-1]
    assert found[1].as_base().title == "FLUX.1 Krea (flux1-krea-dev)"
    wished = BaseFiles(transformer="/somewhere/else/flux1-krea-dev.safetensors")
    assert bases.choose(offer(names, **PARTS), wished).transformer == "sub/flux1-krea-dev.safetensors"
    without_parts = offer(["flux1-dev.safetensors"], ["all/flux1-dev-fp8.safetensors"], vae=["ae.safetensors"])
    assert bases.choose(without_parts, NO_WISH).transformer == "all/flux1-dev-fp8.safetensors"


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["t5xxl_fp8_e4m3fn.safetensors", "t5xxl_fp8_e4m3fn_scaled.safetensors", "t5xxl_fp16.safetensors"], 2),
        (["t5xxl_fp8_e4m3fn.safetensors", "t5xxl_fp8_e4m3fn_scaled.safetensors"], 1),
        (["umt5_xxl_fp16.safetensors", "google_t5-v1_1-xxl_encoderonly-fp16.safetensors"], 1),
        (["umt5_xxl_fp16.safetensors"], None),
    ],
)
def test_the_fullest_text_encoder_is_taken(names: list[str], chosen: int | None) -> None:
    """The one the LoRA was trained with, if it is there; never another model's T5."""
    clip = ["clip_g.safetensors", "clip_l.safetensors", *names]
    found = bases.find_all(offer(["flux1-dev.safetensors"], clip=clip, vae=["ae.safetensors"]), NO_WISH)[0]
    assert found.t5 == ("" if chosen is None else names[chosen])
    assert found.clip == "clip_l.safetensors"
    if chosen is not None:
        wished = bases.find_all(
            offer(["flux1-dev.safetensors"], clip=clip, vae=["ae.safetensors"]),
            BaseFiles(t5=f"/trained/with/{names[0]}"),
        )
        assert wished[0].t5 == (names[0] if "umt5" not in names[0] else names[chosen])


def test_what_is_missing_is_named_with_its_place() -> None:
    """Nothing at all, or parts beside the transformer."""
    for there, words in (
        (offer(), ["no FLUX.1", "flux1-dev.safetensors", "models/diffusion_models"]),
        (offer(["flux1-dev.safetensors"]), ["ae.safetensors", "models/vae", "clip_l", "t5xxl", "models/text_encoders"]),
    ):
        with pytest.raises(IsengardError) as caught:
            bases.choose(there, NO_WISH)
        assert caught.value.code == "MODEL_MISSING"
        assert all(word in caught.value.message for word in words)


def test_a_file_that_can_be_seen_is_told_by_its_header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever its name says: schnell has no guidance, a LoRA under FLUX's name is none, an unreadable file is none."""
    monkeypatch.setattr(settings, "model_folders", lambda kind: [tmp_path / kind])
    folder = tmp_path / "diffusion_models"
    folder.mkdir()
    qkv = {"double_blocks.0.img_attn.qkv.weight": torch.zeros(9216, 3072, dtype=torch.float8_e4m3fn)}
    qkv |= {"img_in.weight": torch.zeros(3072, 64), "vector_in.in_layer.weight": torch.zeros(4, 4)}
    save_file({**qkv, "guidance_in.in_layer.weight": torch.zeros(3072, 256)}, folder / "my-model.safetensors")
    save_file(qkv, folder / "flux1-dev-turbo.safetensors")
    save_file({"a.lora_A.weight": torch.zeros(4, 4)}, folder / "flux1-dev-mine.safetensors")
    (folder / "flux1-dev.safetensors").write_bytes(b"<html>")
    names = sorted(path.name for path in folder.iterdir())
    found = bases.find_all(offer(names, **PARTS, local=True), NO_WISH)
    told = {files.transformer: files.kind.title for files in found}
    assert told == {"my-model.safetensors": "FLUX.1-dev", "flux1-dev-turbo.safetensors": "FLUX.1-schnell"}


def test_a_name_means_the_same_file_with_other_slashes() -> None:
    """ComfyUI on Windows writes backslashes; of two of one name the one in the same folder is meant."""
    names = ["other/ada_1.safetensors", "isengard\\ada_1.safetensors"]
    assert bases.of_name(names, "isengard/ada_1.safetensors") == names[1]
    assert bases.of_name(names, "elsewhere/ada_1.safetensors") == names[0]
    assert bases.of_name(names, "elsewhere/ada_2.safetensors") == ""
