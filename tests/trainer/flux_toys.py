"""A FLUX of toy size, and a config for it."""

from __future__ import annotations

import pytest
import torch
from diffusers import FluxTransformer2DModel

from isengard.trainer.config import BaseFiles, TrainingConfig

TINY = {
    "num_layers": 2,
    "num_single_layers": 3,
    "attention_head_dim": 16,
    "num_attention_heads": 2,
    "joint_attention_dim": 24,
    "pooled_projection_dim": 20,
    "guidance_embeds": True,
    "axes_dims_rope": (4, 6, 6),
}

WIDER = TINY | {
    "attention_head_dim": 32,
    "num_attention_heads": 4,
    "joint_attention_dim": 64,
    "pooled_projection_dim": 32,
    "axes_dims_rope": (8, 12, 12),
}
"""Wide enough for every form of frozen weights."""


def config(**base: str) -> TrainingConfig:
    return TrainingConfig(name="Ada", trigger_word="ohwx", sample_every=0, base=BaseFiles(**base))


@pytest.fixture(scope="module")
def tiny() -> FluxTransformer2DModel:
    """A FLUX of toy size."""
    torch.manual_seed(0)
    return FluxTransformer2DModel(**TINY).requires_grad_(False).eval()
