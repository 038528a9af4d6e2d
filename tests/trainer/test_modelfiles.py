"""Model files are told apart by their headers, and what can't be used is refused by name."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from isengard.errors import IsengardError
from isengard.tests.trainer.model_headers import ALL_IN_ONE, CLIP, DEV, FLUX, SD, T5, VAE, prefixed, write
from isengard.trainer import headers, modelfiles
from isengard.trainer.modelfiles import fingerprint, identify
from isengard.trainer.weights import read_weights

KNOWN: dict[str, tuple[dict[str, tuple[int, ...]], str, dict[str, tuple[str, str]]]] = {
    "flux in the authors' keys": (DEV, "flux1-dev", {"transformer": ("", "original")}),
    "flux under ComfyUI's prefix": (
        prefixed("model.diffusion_model.", DEV),
        "flux1-dev",
        {"transformer": ("model.diffusion_model.", "original")},
    ),
    "flux in diffusers' keys": (
        {
            "x_embedder.weight": (8, 64),
            "transformer_blocks.0.attn.add_q_proj.weight": (8, 8),
            "single_transformer_blocks.0.proj_mlp.weight": (32, 8),
            "time_text_embed.guidance_embedder.linear_1.weight": (8, 256),
        },
        "flux1-dev",
        {"transformer": ("", "diffusers")},
    ),
    "an all-in-one checkpoint": (
        ALL_IN_ONE,
        "flux1-dev",
        {
            "transformer": ("model.diffusion_model.", "original"),
            "vae": ("vae.", "original"),
            "clip": ("text_encoders.clip_l.transformer.text_model.", "original"),
            "t5": ("text_encoders.t5xxl.transformer.", "original"),
        },
    ),
    "schnell": (FLUX, "flux1-schnell", {"transformer": ("", "original")}),
    "fill": ({**DEV, "img_in.weight": (8, 384)}, "flux1-fill", {"transformer": ("", "original")}),
    "chroma": ({**FLUX, "distilled_guidance_layer.in_proj.weight": (4, 4)}, "chroma", {}),
    "flux2": ({"double_stream_modulation_img.lin.weight": (4, 4), **DEV}, "flux2", {}),
    "the VAE in the authors' keys": (VAE, "flux-vae", {"vae": ("", "original")}),
    "the VAE in diffusers' keys": (
        {name: shape for name, shape in VAE.items() if ".mid." not in name},
        "flux-vae",
        {"vae": ("", "diffusers")},
    ),
    "a VAE of four channels": ({**VAE, "decoder.conv_in.weight": (4, 4, 3, 3)}, "other-vae", {}),
    "clip_l": (prefixed("text_model.", CLIP), "clip-l", {"clip": ("text_model.", "original")}),
    "clip_l of another tool": (
        prefixed("transformer.text_model.", CLIP),
        "clip-l",
        {"clip": ("transformer.text_model.", "original")},
    ),
    "clip_g": (prefixed("text_model.", {"encoder.layers.0.mlp.fc1.weight": (12, 1280)}), "clip-other", {}),
    "t5xxl": (T5, "t5", {"t5": ("", "original")}),
    "sd 1.5": ({SD: (320, 768)}, "sd1", {}),
    "sd 2": ({SD: (320, 1024)}, "sd2", {}),
    "sdxl": ({SD: (320, 2048)}, "sdxl", {}),
    "sd 3 with a VAE of 16 channels": (
        {"model.diffusion_model.joint_blocks.0.x_block.attn.qkv.weight": (4, 4), **prefixed("first_stage_model.", VAE)},
        "sd3",
        {},
    ),
    "a LoRA of peft": ({"transformer.transformer_blocks.0.attn.to_q.lora_A.weight": (4, 8)}, "lora", {}),
    "a LoRA of kohya": ({"lora_unet_double_blocks_0_img_attn_qkv.lora_down.weight": (4, 8)}, "lora", {}),
    "a controlnet": ({"controlnet_x_embedder.weight": (4, 4)}, "controlnet", {}),
    "something else": ({"weight": (2, 2)}, "other", {}),
}


@pytest.mark.parametrize("what", KNOWN)
def test_a_file_is_told_by_its_header(what: str, tmp_path: Path) -> None:
    """Kind, parts, prefixes and naming follow from names and shapes alone."""
    keys, kind, parts = KNOWN[what]
    found = identify(write(tmp_path / "file.safetensors", keys))
    assert (found.kind, {name: (part.prefix, part.layout) for name, part in found.parts.items()}) == (kind, parts)
    assert not found.refused


def test_an_all_in_one_checkpoint_says_so(tmp_path: Path) -> None:
    """People see what the file is."""
    found = identify(write(tmp_path / "a.safetensors", ALL_IN_ONE))
    assert found.title == "an all-in-one checkpoint with a FLUX.1-dev transformer"


def test_a_missing_file_is_missing(tmp_path: Path) -> None:
    """MODEL_MISSING names the path."""
    for look in (identify, fingerprint, lambda path: read_weights(path, "", None)):
        with pytest.raises(IsengardError, match=r"nowhere\.safetensors does not exist") as caught:
            look(tmp_path / "nowhere.safetensors")
        assert caught.value.code == "MODEL_MISSING"


def test_a_folder_without_a_model_says_so(tmp_path: Path) -> None:
    """A folder of anything is no diffusers folder."""
    with pytest.raises(IsengardError, match=r"no config\.json") as caught:
        identify(tmp_path)
    assert caught.value.code == "MODEL_WRONG_KIND"


def _noted(path: Path, form: str) -> Path:
    note = torch.frombuffer(bytearray(json.dumps({"format": form}).encode()), dtype=torch.uint8)
    weights = {name: torch.zeros(shape, dtype=torch.float8_e4m3fn) for name, shape in DEV.items()}
    save_file({**weights, "img_in.comfy_quant": note, "img_in.weight_scale": torch.ones(())}, path)
    return path


REFUSED: dict[str, tuple[Callable[[Path], Path], str]] = {
    "nf4": (
        lambda path: write(path, {**DEV, "double_blocks.0.img_mlp.0.weight.quant_state.bitsandbytes__nf4": (9,)}, "U8"),
        "NF4",
    ),
    "nunchaku": (lambda path: write(path, {**DEV, "double_blocks.0.img_mlp.0.qweight": (8, 8)}, "I8"), "Nunchaku"),
    "int8": (lambda path: write(path, DEV, "I8"), "I8 numbers"),
    "nvfp4, in the header": (
        lambda path: write(path, DEV, "U8", _quantization_metadata='{"layers": {"img_in": {"format": "nvfp4"}}}'),
        "format nvfp4",
    ),
    "mxfp8, in a note": (lambda path: _noted(path, "mxfp8"), "format mxfp8"),
    "int8, in a note": (lambda path: _noted(path, "int8_tensorwise"), "format int8_tensorwise"),
    "block-wise fp8": (
        lambda path: write(path, {**DEV, "img_in.weight_scale": (4, 4)}, "F32"),
        "block-wise",
    ),
    "exponent-only scales": (lambda path: write(path, {**DEV, "img_in.weight_scale": (8,)}, "F8_E8M0"), "block-wise"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_number_format_that_cannot_be_trained_on_is_named(what: str, tmp_path: Path) -> None:
    """The kind is still told, and the format by name."""
    make, words = REFUSED[what]
    found = identify(make(tmp_path / "file.safetensors"))
    assert found.kind == "flux1-dev"
    assert words in found.refused


@pytest.mark.parametrize("form", ["float8_e4m3fn", "float8_e5m2"])
def test_noted_fp8_is_accepted(form: str, tmp_path: Path) -> None:
    """ComfyUI's newer files note fp8 layer by layer; those are read."""
    assert identify(_noted(tmp_path / "file.safetensors", form)).refused == ""


def test_damaged_notes_on_quantisation_are_an_error(tmp_path: Path) -> None:
    """Notes that can't be read are not taken for none."""
    with pytest.raises(IsengardError, match="notes on quantisation"):
        identify(write(tmp_path / "a.safetensors", DEV, "BF16", _quantization_metadata="{broken"))


def test_a_fingerprint_changes_with_any_part_of_the_content(tmp_path: Path) -> None:
    """Header, size, beginning, middle and end all count; the name does not."""
    path = write(tmp_path / "a.safetensors", {"weight": (1 << 20,)}, "F32")
    first = fingerprint(path)
    copy = tmp_path / "b.safetensors"
    copy.write_bytes(path.read_bytes())
    assert fingerprint(copy) == first
    seen = {first}
    for place in (200, 2_000_000, copy.stat().st_size - 1):
        changed = bytearray(path.read_bytes())
        changed[place] ^= 1
        copy.write_bytes(changed)
        seen.add(fingerprint(copy))
    write(copy, {"weights": (1 << 20,)}, "F32")
    assert len(seen | {fingerprint(copy)}) == 5


def test_a_folders_fingerprint_is_that_of_its_model(tmp_path: Path) -> None:
    """What a file manager or a downloader leaves beside it must not look like another base model when a job resumes."""
    folder = tmp_path / ".models" / "flux"
    folder.mkdir(parents=True)
    write(folder / "model.safetensors", {"weight": (4,)}, "F32")
    first = fingerprint(folder)
    for name in (".DS_Store", "Thumbs.db", ".cache/huggingface/download/model.safetensors.lock"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("opened", encoding="utf-8")
    assert fingerprint(folder) == first
    (folder / "config.json").write_text("{}", encoding="utf-8")
    assert fingerprint(folder) != first


def test_telling_a_file_reads_little_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of 40 GB (sparse) is told, and has its fingerprint, at once."""
    for module in (headers, modelfiles):
        monkeypatch.setattr(module, "LIMIT", 10_000)
    size = 40 * 10**9
    entry = {"dtype": "BF16", "shape": [64, size // 128], "data_offsets": [0, size]}
    header = json.dumps({"double_blocks.0.img_attn.qkv.weight": entry}).encode()
    path = tmp_path / "a.safetensors"
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        file.truncate(8 + len(header) + size)
    assert identify(path).kind == "other"
    assert len(fingerprint(path)) == 64
