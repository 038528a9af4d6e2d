"""FLUX.1's VAE: read from the files that people have, written into a job, and what turns latents back into pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from PIL import Image
from torch import Tensor

from ...errors import IsengardError
from ...files import write_json, written_aside
from ..modelfiles import Part
from .flux1_files import CONFIGS

if TYPE_CHECKING:
    from diffusers import AutoencoderKL

_TILE = 128
"""Latents wider or higher than this (1,024 pixels) are decoded in tiles of this size."""


class FluxDecoder:
    """Decodes latents with the VAE that `FluxCodec.write_decoder` left in a folder, in fp32."""

    def __init__(self, folder: Path, device: torch.device) -> None:
        self._vae = load_vae(Part(folder, layout="folder")).to(device)

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Image.Image:
        self._vae.use_tiling = max(latents.shape[-2:]) > _TILE
        return decoded(self._vae, latents[None])


def decoded(vae: AutoencoderKL, latents: Tensor) -> Image.Image:
    """The picture of scaled latents [1, C, h, w]."""
    values = latents.to(vae.device, torch.float32) / vae.config.scaling_factor + vae.config.shift_factor
    pixels = vae.decode(values).sample[0]
    levels = ((pixels / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)
    return Image.fromarray(levels.permute(1, 2, 0).cpu().numpy())


def load_vae(part: Part) -> AutoencoderKL:
    """The VAE in fp32 on the CPU, from a single file in either naming or from a folder."""
    from diffusers import AutoencoderKL

    from ..weights import load_folder, read_weights

    if part.layout != "folder":
        return vae_from(read_weights(part.path, part.prefix, torch.float32), str(part.path))
    return _ready(load_folder(AutoencoderKL, part.path, torch.float32), str(part.path))


def vae_from(weights: dict[str, Tensor], where: str) -> AutoencoderKL:
    """The VAE in fp32 on the CPU from its tensors, in either naming; `where` is told if they don't fit."""
    from diffusers import AutoencoderKL
    from diffusers.loaders.single_file_utils import SingleFileComponentError

    from ..weights import quiet_diffusers

    try:
        with quiet_diffusers():
            vae = AutoencoderKL.from_single_file(
                weights, config=str(CONFIGS / "vae"), local_files_only=True, torch_dtype=torch.float32
            )
    except (OSError, KeyError, ValueError, NotImplementedError, SingleFileComponentError) as problem:
        message = f"{where} does not hold a whole FLUX VAE: {problem}."
        raise IsengardError("MODEL_UNREADABLE", message) from problem
    return _ready(vae, where)


def write_vae(vae: AutoencoderKL, folder: Path) -> None:
    """The whole VAE in fp16, half the size of the original; its weights lie well inside fp16's range."""
    from safetensors.torch import save

    weights = {name: value.to("cpu", torch.float16).contiguous() for name, value in vae.state_dict().items()}
    config = {name: value for name, value in vae.config.items() if name != "_name_or_path"}
    folder.mkdir(parents=True, exist_ok=True)
    with written_aside(folder / "diffusion_pytorch_model.safetensors") as aside:
        aside.write_bytes(save(weights, metadata={"format": "pt"}))  # `save_file` hides that a disk is full
    write_json(folder / "config.json", {"_class_name": "AutoencoderKL", **config})


def _ready(vae: AutoencoderKL, where: str) -> AutoencoderKL:
    from ..weights import check_whole

    check_whole(vae, where)
    vae.tile_sample_min_size, vae.tile_latent_min_size = _TILE * 8, _TILE
    vae.requires_grad_(False)
    return vae.eval()
