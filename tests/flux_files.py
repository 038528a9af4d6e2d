"""Writes small FLUX.1 files in the layouts that people have, with random weights of the true widths."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from isengard.tests.sharing import made_once
from isengard.trainer.families.flux1_files import CONFIGS

WIDTH = 3072
_POOL = 4_000_037
Weights = dict[str, Tensor]


def flux_weights(double: int = 1, single: int = 1, seed: int = 0) -> Weights:
    """A FLUX.1-dev transformer in its authors' names, of the true width but with few blocks, in bf16."""
    layers = {
        "img_in": (WIDTH, 64),
        "txt_in": (WIDTH, 4096),
        "final_layer.linear": (64, WIDTH),
        "final_layer.adaLN_modulation.1": (2 * WIDTH, WIDTH),
    }
    for name, size in {"time_in": 256, "vector_in": 768, "guidance_in": 256}.items():
        layers |= {f"{name}.in_layer": (WIDTH, size), f"{name}.out_layer": (WIDTH, WIDTH)}
    norms = []
    for index in range(double):
        for side in (f"double_blocks.{index}.img", f"double_blocks.{index}.txt"):
            layers |= {f"{side}_mod.lin": (6 * WIDTH, WIDTH), f"{side}_attn.qkv": (3 * WIDTH, WIDTH)}
            layers |= {f"{side}_attn.proj": (WIDTH, WIDTH)}
            layers |= {f"{side}_mlp.0": (4 * WIDTH, WIDTH), f"{side}_mlp.2": (WIDTH, 4 * WIDTH)}
            norms += [f"{side}_attn.norm.query_norm.scale", f"{side}_attn.norm.key_norm.scale"]
    for index in range(single):
        block = f"single_blocks.{index}"
        layers |= {f"{block}.linear1": (7 * WIDTH, WIDTH), f"{block}.linear2": (WIDTH, 5 * WIDTH)}
        layers |= {f"{block}.modulation.lin": (3 * WIDTH, WIDTH)}
        norms += [f"{block}.norm.query_norm.scale", f"{block}.norm.key_norm.scale"]
    pool = torch.randn(_POOL, generator=torch.Generator().manual_seed(seed)).bfloat16()
    weights = {}
    for place, (name, (rows, columns)) in enumerate(layers.items()):
        weights[f"{name}.weight"] = _drawn(pool, place, (rows, columns)) * (0.7 * columns**-0.5)
        weights[f"{name}.bias"] = _drawn(pool, place, (rows,)) * 0.02
    return weights | {name: 1 + 0.1 * _drawn(pool, place, (128,)) for place, name in enumerate(norms)}


def _drawn(pool: Tensor, place: int, shape: tuple[int, ...]) -> Tensor:
    """Numbers out of the pool, from another place in it for each tensor: half a billion fresh ones would take long."""
    count = torch.Size(shape).numel()
    moved = pool.roll(place * 99_991)
    return moved.repeat(count // _POOL + 1)[:count].view(shape)


@pytest.fixture(scope="session")
def small_flux(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """flux1-dev.safetensors with one double and one single block (1.1 GB), made once in a run."""
    name = "flux1-dev.safetensors"
    return made_once(tmp_path_factory, "models", lambda folder: save_file(flux_weights(), folder / name)) / name


def as_fp8(weights: Weights) -> Weights:
    """Every matrix in plain fp8, as in flux1-dev-fp8."""
    return {name: value.to(torch.float8_e4m3fn) if value.dim() == 2 else value for name, value in weights.items()}


def as_scaled_fp8(weights: Weights, scale_name: str) -> Weights:
    """The blocks' matrices in fp8 with a scale each: `scale_weight` (older files) or `weight_scale` (newer ones)."""
    scaled: Weights = {}
    for name, value in weights.items():
        if value.dim() != 2 or "blocks." not in name or "relative_attention_bias" in name:
            scaled[name] = value
            continue
        layer = name.removesuffix(".weight")
        scale = value.float().abs().max() / 448
        scaled[name] = (value.float() / scale).to(torch.float8_e4m3fn)
        scaled[f"{layer}.{scale_name}"] = scale
        if scale_name == "weight_scale":
            note = json.dumps({"format": "float8_e4m3fn"}).encode()
            scaled[f"{layer}.comfy_quant"] = torch.frombuffer(bytearray(note), dtype=torch.uint8).clone()
    if scale_name == "scale_weight":
        scaled["scaled_fp8"] = torch.zeros(0, dtype=torch.float8_e4m3fn)
    return scaled


def prefixed(prefix: str, weights: Weights) -> Weights:
    """The same tensors under a prefix."""
    return {prefix + name: value for name, value in weights.items()}


def clip_weights(vocabulary: int, layers: int = 2, positions: int = 77) -> Weights:
    """A CLIP-L text model of the true width with few layers, named as in clip_l.safetensors, in fp16."""
    from transformers import CLIPTextConfig, CLIPTextModel

    values = json.loads((CONFIGS / "clip" / "config.json").read_text(encoding="utf-8"))
    values |= {"num_hidden_layers": layers, "vocab_size": vocabulary, "max_position_embeddings": positions}
    torch.manual_seed(1)
    model = CLIPTextModel(CLIPTextConfig(**values))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    inner = {name.removeprefix("text_model."): value.half() for name, value in model.state_dict().items()}
    return prefixed("text_model.", {name: value for name, value in inner.items() if "position_ids" not in name})


def t5_weights(vocabulary: int, layers: int = 2, width: int = 4096, inner: int = 128) -> Weights:
    """A T5 encoder as wide as T5-XXL with small inner layers, named as in t5xxl_fp16.safetensors, in fp16."""
    from transformers import T5Config, T5EncoderModel

    values = json.loads((CONFIGS / "t5" / "config.json").read_text(encoding="utf-8"))
    values |= {"num_layers": layers, "d_model": width, "d_ff": inner, "d_kv": 64, "num_heads": 2}
    torch.manual_seed(2)
    model = T5EncoderModel(T5Config(**{**values, "vocab_size": vocabulary}))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(("SelfAttention.q.weight", "SelfAttention.k.weight", "relative_attention_bias.weight")):
                parameter.mul_(2)  # fresh weights attend evenly, which would hide a wrong mask
    return {name: value.half() for name, value in model.state_dict().items() if "embed_tokens" not in name}


def vae_weights() -> Weights:
    """FLUX's VAE with random weights, in diffusers' names, in fp16."""
    from diffusers import AutoencoderKL

    torch.manual_seed(3)
    vae = AutoencoderKL.from_config(AutoencoderKL.load_config(str(CONFIGS / "vae"), local_files_only=True))
    return {name: value.half() for name, value in vae.state_dict().items()}


_VAE_NAMES: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
    (r"down_blocks\.(\d)\.resnets\.(\d)", r"down.\1.block.\2"),
    (r"down_blocks\.(\d)\.downsamplers\.0\.conv", r"down.\1.downsample.conv"),
    (r"up_blocks\.(\d)\.resnets\.(\d)", lambda found: f"up.{3 - int(found[1])}.block.{found[2]}"),
    (r"up_blocks\.(\d)\.upsamplers\.0\.conv", lambda found: f"up.{3 - int(found[1])}.upsample.conv"),
    (r"mid_block\.resnets\.(\d)", lambda found: f"mid.block_{int(found[1]) + 1}"),
    (r"mid_block\.attentions\.0\.group_norm", "mid.attn_1.norm"),
    (r"mid_block\.attentions\.0\.to_([qkv])", r"mid.attn_1.\1"),
    (r"mid_block\.attentions\.0\.to_out\.0", "mid.attn_1.proj_out"),
    (r"conv_shortcut", "nin_shortcut"),
    (r"conv_norm_out", "norm_out"),
)


def original_vae(weights: Weights) -> Weights:
    """The VAE in its authors' names, as in ae.safetensors."""
    renamed = {}
    for name, value in weights.items():
        original = name
        for pattern, replacement in _VAE_NAMES:
            original = re.sub(pattern, replacement, original)
        linear = "attn_1" in original and value.dim() == 2
        renamed[original] = value[..., None, None].clone() if linear else value
    return renamed


def all_in_one(transformer: Path, vae: Weights, clip: Weights, t5: Weights) -> Weights:
    """Everything in one file, as ComfyUI's flux1-dev-fp8 checkpoint has it."""
    return {
        **prefixed("model.diffusion_model.", load_file(transformer)),
        **prefixed("vae.", vae),
        **prefixed("text_encoders.clip_l.transformer.", clip),
        "text_encoders.clip_l.logit_scale": torch.tensor(4.6),
        **prefixed("text_encoders.t5xxl.transformer.", t5),
        "text_encoders.t5xxl.logit_scale": torch.tensor(4.6),
    }
