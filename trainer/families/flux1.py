"""FLUX.1: its files, what a LoRA attaches to, the training loss, sampling for previews, and the keys of its LoRA."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import IsengardError
from ..config import TrainingConfig
from ..modelfiles import Part, fingerprint
from ..quantised import is_linear
from .flux1_files import check_parts, check_tokenizers, find_parts
from .flux1_latents import pack, unpack
from .flux1_weights import blocks_of, load
from .interface import IN_MAIN_MEMORY, Codec, Conditioning, Decoder, Pictures, Placement

LIKENESS_BLOCKS = (7, 12, 16, 20)
"""Single blocks whose output layer alone is reported to carry a likeness, out of the 38 of FLUX.1."""

_ATTENTION = r"attn\.(to_q|to_k|to_v|to_out\.0|add_q_proj|add_k_proj|add_v_proj|to_add_out)"
_FEED_FORWARD = r"(ff|ff_context)\.net\.(0\.proj|2)|proj_mlp|proj_out"
_BLOCK = r"(single_)?transformer_blocks\.\d+\."


class Flux1:
    """FLUX.1-dev, and every model of its architecture."""

    name = "flux1-dev"
    title = "FLUX.1-dev"
    architecture = "flux-1-dev/lora"
    base_model_version = "flux1"
    unit = 16

    @property
    def text_tokens(self) -> int:
        """ComfyUI pads the T5 text to 256 tokens; a LoRA is used there, so it is trained on the same length."""
        return 256

    def check_files(self, config: TrainingConfig, *, encoders: bool = True) -> None:
        check_parts(self.parts(config, encoders=encoders))
        if encoders:
            check_tokenizers(self.tokenizers(config))

    def base_fingerprint(self, config: TrainingConfig) -> str:
        return fingerprint(self.parts(config, encoders=False)["transformer"].path)

    def parts(self, config: TrainingConfig, *, encoders: bool = True) -> dict[str, Part]:
        """Where the parts of the base model lie: `transformer` and, with `encoders`, also `vae`, `clip` and `t5`."""
        return find_parts(config.base, encoders=encoders)

    def tokenizers(self, config: TrainingConfig) -> str:
        """The folder to look for tokenizers in; empty looks in a ComfyUI."""
        return config.base.tokenizers

    def scheduler_config(self) -> dict[str, Any]:
        """The noise schedule of FLUX.1-dev, as its authors publish it for diffusers."""
        return {
            "num_train_timesteps": 1000,
            "shift": 3.0,
            "use_dynamic_shifting": True,
            "base_image_seq_len": 256,
            "max_image_seq_len": 4096,
            "base_shift": 0.5,
            "max_shift": 1.15,
        }

    def load_codec(self, config: TrainingConfig, device: torch.device, stopped: Callable[[], object] = bool) -> Codec:
        from .flux1_codec import FluxCodec

        length = config.max_text_tokens or self.text_tokens
        return FluxCodec(self.parts(config), self.tokenizers(config), length, device, stopped)

    def write_decoder(self, weights: Mapping[str, Tensor], folder: Path) -> None:
        from .flux1_vae import vae_from, write_vae

        write_vae(vae_from(dict(weights), "The VAE on the graph"), folder)

    def load_decoder(self, folder: Path, device: torch.device) -> Decoder:
        from .flux1_vae import FluxDecoder

        return FluxDecoder(folder, device)

    def load_transformer(
        self, config: TrainingConfig, dtype: torch.dtype, placement: Placement = IN_MAIN_MEMORY
    ) -> nn.Module:
        part = self.parts(config, encoders=False)["transformer"]
        check_parts({"transformer": part})
        return load(part, dtype, placement)

    def blocks(self, transformer: nn.Module) -> dict[str, nn.Module]:
        return blocks_of(transformer)

    def lora_targets(self, transformer: nn.Module, targets: str) -> list[str]:
        """`all-linear`: attention and feed-forward layers of all blocks; `attention`: the attention's projections;
        `likeness-blocks`: the output layers of a few single blocks (in smaller models: at the same relative depths)."""
        names = [name for name, module in transformer.named_modules() if is_linear(module)]
        if targets == "likeness-blocks":
            singles = [name for name in names if re.fullmatch(r"single_transformer_blocks\.\d+\.proj_out", name)]
            if not singles:
                raise IsengardError("CONFIG_INVALID", "targets likeness-blocks needs a model with single blocks.")
            at = (
                LIKENESS_BLOCKS
                if len(singles) > max(LIKENESS_BLOCKS)
                else [block * len(singles) // 38 for block in LIKENESS_BLOCKS]
            )
            return [f"single_transformer_blocks.{index}.proj_out" for index in sorted(set(at))]
        layers = {"all-linear": f"{_ATTENTION}|{_FEED_FORWARD}", "attention": _ATTENTION}[targets]
        return [name for name in names if re.fullmatch(f"{_BLOCK}({layers})", name)]

    def shift_timesteps(self, times: Tensor, latent_size: tuple[int, int]) -> Tensor:
        """exp(mu)·t / (exp(mu)·t + 1 − t), mu linear in the number of image tokens (Esser et al. 2024, 5.3.2)."""
        pull = math.exp(self._mu(latent_size))
        return pull * times / (pull * times + 1 - times)

    def _mu(self, latent_size: tuple[int, int]) -> float:
        schedule = self.scheduler_config()
        tokens = (latent_size[0] // 2) * (latent_size[1] // 2)
        low, high = schedule["base_image_seq_len"], schedule["max_image_seq_len"]
        slope = (schedule["max_shift"] - schedule["base_shift"]) / (high - low)
        return float(tokens * slope + (schedule["base_shift"] - slope * low))

    def loss(
        self,
        transformer: nn.Module,
        latents: Tensor,
        noise: Tensor,
        times: Tensor,
        conditioning: Conditioning,
        guidance: float,
    ) -> Tensor:
        velocity = self.prediction(transformer, latents, noise, times, conditioning, guidance)
        return (velocity - (noise - latents).float()).square().flatten(1).mean(1)

    def prediction(
        self,
        transformer: nn.Module,
        latents: Tensor,
        noise: Tensor,
        times: Tensor,
        conditioning: Conditioning,
        guidance: float,
    ) -> Tensor:
        levels = told_times(times, weight_of(transformer).dtype).view(-1, 1, 1, 1)
        noisy = (1 - levels) * latents + levels * noise
        return self.velocity(transformer, noisy, times, conditioning, guidance)

    def velocity(
        self, transformer: nn.Module, noisy: Tensor, times: Tensor, conditioning: Conditioning, guidance: float
    ) -> Tensor:
        """One forward: the velocity [B, C, h, w] (fp32) at noisy latents [B, C, h, w] and times [B] in 0…1."""
        dtype = weight_of(transformer).dtype
        height, width = noisy.shape[-2:]
        strength = None
        if _config(transformer).guidance_embeds:
            strength = torch.full(times.shape, guidance, device=noisy.device, dtype=torch.float32)
        packed = transformer(
            hidden_states=pack(noisy).to(dtype),
            timestep=times.to(dtype),
            guidance=strength,
            pooled_projections=conditioning["pooled"].to(dtype),
            encoder_hidden_states=conditioning["text"].to(dtype),
            txt_ids=torch.zeros(conditioning["text"].shape[1], 3, device=noisy.device),
            img_ids=image_ids(height // 2, width // 2, noisy.device),
            return_dict=False,
        )[0]
        return unpack(packed.float(), height, width)

    @torch.no_grad()
    def sample(
        self,
        transformer: nn.Module,
        conditioning: Conditioning,
        *,
        width: int,
        height: int,
        steps: int,
        guidance: float,
        seed: int,
        stopped: Callable[[], object] = bool,
    ) -> Tensor | None:
        """As the interface says; for the same seed, ComfyUI starts from the same noise."""
        from diffusers import FlowMatchEulerDiscreteScheduler

        device = weight_of(transformer).device
        words = {name: value[None].to(device) for name, value in conditioning.items()}
        size = (height // 8, width // 8)
        generator = torch.Generator().manual_seed(seed)
        latents = torch.randn(1, _config(transformer).in_channels // 4, *size, generator=generator).to(device)
        scheduler = FlowMatchEulerDiscreteScheduler.from_config(self.scheduler_config())
        sigmas = torch.linspace(1.0, 1 / steps, steps, dtype=torch.float64).numpy()
        scheduler.set_timesteps(sigmas=sigmas, mu=self._mu(size), device=device)
        scheduler.set_begin_index(0)
        training = transformer.training
        transformer.eval()
        try:
            for time in scheduler.timesteps:
                if stopped():
                    return None
                velocity = self.velocity(transformer, latents, time.expand(1) / 1000, words, guidance)
                latents = scheduler.step(velocity, time, latents, return_dict=False)[0]
        finally:
            transformer.train(training)
        return latents[0]

    def load_pictures(self, config: TrainingConfig, device: torch.device) -> Pictures:
        from .flux1_pipeline import FluxPictures

        return FluxPictures(self, config, device)

    def export_key(self, name: str) -> str:
        """ComfyUI maps diffusers' names under `transformer.`, and slices q, k and v into its fused layers."""
        return f"transformer.{name}"

    def sample_sizes(self) -> Sequence[tuple[int, int]]:
        """About one megapixel each."""
        return ((1024, 1024), (1152, 896), (896, 1152), (1216, 832), (832, 1216), (1344, 768), (768, 1344))


def _config(transformer: nn.Module) -> Any:
    """diffusers' config of a model."""
    return transformer.config


def weight_of(transformer: nn.Module) -> Tensor:
    """A base weight that no LoRA attaches to: its device and number format are those that the model computes in."""
    weight = transformer.get_parameter("x_embedder.weight")
    assert isinstance(weight, Tensor)
    return weight


def told_times(times: Tensor, dtype: torch.dtype) -> Tensor:
    """The times that the model is really told.

    diffusers multiplies the time by 1000 in the model's own number format; in bf16 that leaves steps of 4 between 512
    and 1000. A photo must be as noisy as the model is told, so the noise level follows the rounding.
    """
    if dtype == torch.float32:
        return times
    return (times.to(dtype) * 1000).float() / 1000


def image_ids(rows: int, columns: int, device: torch.device) -> Tensor:
    """Positions (0, row, column) of the image tokens, [rows·columns, 3]."""
    ids = torch.zeros(rows, columns, 3, device=device)
    ids[..., 1] = torch.arange(rows, device=device)[:, None]
    ids[..., 2] = torch.arange(columns, device=device)[None, :]
    return ids.view(-1, 3)


FAMILY = Flux1()
