"""Checkpoints to measure with: one of FLUX.1-dev's true shape with random numbers, and a tiny one."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import torch
from diffusers import FluxTransformer2DModel

from ..trainer.families.flux1_files import CONFIGS

_TINY = {
    "num_layers": 2, "num_single_layers": 3, "attention_head_dim": 32, "num_attention_heads": 4,
    "joint_attention_dim": 64, "pooled_projection_dim": 32, "guidance_embeds": True, "axes_dims_rope": (8, 12, 12),
}  # fmt: skip


def make_model(path: Path) -> None:
    """A checkpoint of FLUX.1-dev's shape in bf16: numbers of a usual size, written tensor by tensor."""
    with torch.device("meta"):
        shape = FluxTransformer2DModel.load_config(str(CONFIGS / "transformer"), local_files_only=True)
        model = FluxTransformer2DModel.from_config(shape)
    shapes = {name: value.shape for name, value in model.named_parameters()}
    header: dict[str, Any] = {}
    at = 0
    for name, size in shapes.items():
        header[name] = {"dtype": "BF16", "shape": list(size), "data_offsets": [at, at := at + 2 * size.numel()]}
    raw = json.dumps(header).encode()
    raw += b" " * (-len(raw) % 8)
    pool = torch.randn(1 << 24, generator=torch.Generator().manual_seed(0))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(raw)) + raw)
        for place, (name, size) in enumerate(shapes.items()):
            scaled = pool * 0.7 * size[-1] ** -0.5 if len(size) == 2 else 0.02 * pool + (not name.endswith("bias"))
            content = memoryview(scaled.bfloat16().roll(place * 99_991).view(torch.int16).numpy()).cast("B")
            for start in range(0, 2 * size.numel(), len(content)):
                file.write(content[: min(len(content), 2 * size.numel() - start)])


def tiny_model(folder: Path) -> Path:
    torch.manual_seed(0)
    FluxTransformer2DModel(**_TINY).save_pretrained(folder / "model")
    return folder / "model"
