"""Small files of FLUX's surroundings, made of random numbers, so that every shared workflow runs on a CPU."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from isengard.tests.comfyui.canvas.models import CONTROLNET, REDUX, UPSCALER, VISION, folder_of
from isengard.tests.comfyui.running import Graph, Running, node
from isengard.tests.flux_files import flux_weights
from isengard.tests.sharing import made_once

TINY = {
    "resolutions": [64], "batch_size": 1, "warmup_steps": 0, "save_every": 2, "sample_every": 0, "log_every": 1,
    "device": "cpu", "targets": "attention", "caption_dropout": 0.0,
}  # fmt: skip
"""Settings of a training of two steps on the small transformer."""
_SIGLIP = {"width": 1152, "inner": 4304, "layers": 27, "patches": 729, "patch": 14}


@pytest.fixture(scope="session")
def more_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ControlNet, Redux with its vision model, and an upscaler, each as small as its format allows."""
    made = {CONTROLNET: controlnet_weights, REDUX: redux_weights, VISION: vision_weights, UPSCALER: upscaler_weights}

    def make(models: Path) -> None:
        for name, weights in made.items():
            save_file(weights(), models / name)

    return made_once(tmp_path_factory, "around_flux", make)


def furnish_more(host: Running, models: Path) -> None:
    """Gives a ComfyUI those files, by links."""
    for file in models.iterdir():
        folder = host.base / "models" / folder_of(file.name)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / file.name).symlink_to(file)


def made_small(prompt: Graph) -> Graph:
    """A workflow's prompt for the small files: 64 pixels, one step of sampling, four of training."""
    small: Graph = {}
    for name, step in prompt.items():
        kind, inputs = step["class_type"], dict(step["inputs"])
        if kind == "IsengardAspectRatio":
            small[name] = node("EmptySD3LatentImage", width=64, height=64, batch_size=1)
            continue
        if kind in ("KSampler", "IsengardCheckpointGrid"):
            inputs["steps"] = 1
        if kind == "IsengardPrepare":
            inputs.update(steps=4, rank=2, preset="quick", settings=json.dumps(TINY))
        linked = {key: _latent(value, prompt) for key, value in inputs.items() if isinstance(value, list)}
        small[name] = {"class_type": kind, "inputs": {**inputs, **linked}}
    return small


def _latent(link: list[Any], prompt: Graph) -> list[Any]:
    return [link[0], 0] if prompt[link[0]]["class_type"] == "IsengardAspectRatio" else link


def controlnet_weights() -> dict[str, Tensor]:
    """A ControlNet for FLUX as XLabs writes them, with one double block."""
    weights = {k: v for k, v in flux_weights(double=1, single=0, seed=4).items() if not k.startswith("final_layer")}
    weights |= {"pos_embed_input.weight": _random(3072, 64), "pos_embed_input.bias": torch.zeros(3072)}
    weights |= {"controlnet_blocks.0.weight": _random(3072, 3072), "controlnet_blocks.0.bias": torch.zeros(3072)}
    for index in range(0, 15, 2):
        weights[f"input_hint_block.{index}.weight"] = _random(16, 3 if index == 0 else 16, 3, 3)
        weights[f"input_hint_block.{index}.bias"] = torch.zeros(16)
    return {name: value.bfloat16().contiguous() for name, value in weights.items()}


def redux_weights() -> dict[str, Tensor]:
    """Redux: two layers between the vision model's width and T5's."""
    wide, width = 3 * 4096, _SIGLIP["width"]
    weights = {"redux_up.weight": _random(wide, width), "redux_up.bias": torch.zeros(wide)}
    weights |= {"redux_down.weight": _random(4096, wide), "redux_down.bias": torch.zeros(4096)}
    return {name: value.bfloat16() for name, value in weights.items()}


def vision_weights() -> dict[str, Tensor]:
    """SigLIP at 384 pixels in full size, as ComfyUI knows no other; all layers but the first pass on what they get."""
    width, inner, patch = _SIGLIP["width"], _SIGLIP["inner"], _SIGLIP["patch"]
    root = "vision_model"
    weights = {f"{root}.embeddings.patch_embedding.weight": _random(width, 3, patch, patch)}
    weights[f"{root}.embeddings.patch_embedding.bias"] = torch.zeros(width)
    weights[f"{root}.embeddings.position_embedding.weight"] = _random(_SIGLIP["patches"], width)
    shapes = {f"self_attn.{name}_proj": (width, width) for name in ("q", "k", "v", "out")}
    shapes |= {"mlp.fc1": (inner, width), "mlp.fc2": (width, inner)}
    for index in range(_SIGLIP["layers"]):
        layer = f"{root}.encoder.layers.{index}"
        for name, shape in shapes.items():
            weights[f"{layer}.{name}.weight"] = _random(*shape) if index == 0 else torch.zeros(shape).half()
            weights[f"{layer}.{name}.bias"] = torch.zeros(shape[0])
        norms = [f"{layer}.layer_norm1", f"{layer}.layer_norm2"]
        weights |= {f"{name}.weight": torch.ones(width) for name in norms}
        weights |= {f"{name}.bias": torch.zeros(width) for name in norms}
    weights |= {f"{root}.post_layernorm.weight": torch.ones(width), f"{root}.post_layernorm.bias": torch.zeros(width)}
    return {name: value.half() for name, value in weights.items()}


def upscaler_weights() -> dict[str, Tensor]:
    """An ESRGAN for four times the size, with one block of eight channels, which grows by 32 as all do."""
    wide, grown = 8, 32
    layers = {"conv_first": (wide, 3), "conv_body": (wide, wide), "conv_last": (3, wide)}
    layers |= dict.fromkeys(("conv_up1", "conv_up2", "conv_hr"), (wide, wide))
    for block in range(1, 4):
        for index in range(1, 6):
            layers[f"body.0.rdb{block}.conv{index}"] = (wide if index == 5 else grown, wide + (index - 1) * grown)
    weights = {f"{name}.weight": _random(*shape, 3, 3) for name, shape in layers.items()}
    return weights | {f"{name}.bias": torch.zeros(shape[0]) for name, shape in layers.items()}


def _random(*shape: int) -> Tensor:
    fan_in = torch.Size(shape[1:]).numel()
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape))) * 0.5 * fan_in**-0.5
