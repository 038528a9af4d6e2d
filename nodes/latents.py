"""Empty latents for FLUX, and pictures sampled from a model on the graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

_CHANNELS, _SCALE = 16, 8


def empty(width: int, height: int, batch_size: int) -> Tensor:
    """Zeros [batch, 16, height/8, width/8] where ComfyUI keeps what is between models."""
    import comfy.model_management
    import torch

    shape = (batch_size, _CHANNELS, height // _SCALE, width // _SCALE)
    return torch.zeros(shape, device=comfy.model_management.intermediate_device())


def sample(model: Any, vae: Any, positive: Any, latent: Any, *, seed: int, steps: int) -> Tensor:
    """Pictures as IMAGE: Euler with the simple schedule and no second, negative pass, as FLUX.1-dev is used."""
    import nodes

    made = nodes.common_ksampler(model, seed, steps, 1.0, "euler", "simple", positive, positive, latent)[0]
    images: Tensor = vae.decode(made["samples"])
    return images
