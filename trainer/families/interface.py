"""What a base-model family and its codec must offer; the loop and the preparation know nothing else of a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from PIL import Image
from torch import Tensor, nn

from ..config import TrainingConfig

Conditioning = dict[str, Tensor]
"""What the words became: named tensors, without a batch dimension in the cache, stacked along 0 in a batch."""


@dataclass(frozen=True)
class Placement:
    """Where a base model's weights go while they are loaded, and in which number format they are kept there."""

    device: torch.device
    """The device that computes; it quantises, too."""
    form: str = "full"
    """`full`, or one of `quantised.FORMATS` for the linear layers of the blocks."""
    both_ways: bool = False
    """Whether quantised weights are kept turned, too: quicker backward, twice the memory."""
    swapped: int = 0
    """So many blocks stay in the main memory, spread as `memory_need.spread` does."""
    stopped: Callable[[], object] = bool
    """Asked before each tensor, as loading may take minutes; once it says something true, LoadingStopped is raised."""


class LoadingStopped(Exception):  # noqa: N818 (it is no error)
    """What is being loaded is not wanted any more."""


IN_MAIN_MEMORY = Placement(torch.device("cpu"))
"""Everything in full precision."""


class Codec(Protocol):
    """Turns pictures and words into tensors. Loads what it needs on first use and lets it go on `release`."""

    fingerprint: str
    """Identity of the encoders and their settings: part of the key that every cached tensor is stored under."""

    def encode_image(self, pixels: Tensor) -> Tensor:
        """Pixels [3, H, W] in −1…1 to scaled latents [C, h, w], fp32 on the CPU: the posterior's mode."""

    def encode_text(self, text: str) -> Conditioning:
        """Words to conditioning, fp32 on the CPU, of the family's text length."""

    def write_decoder(self, folder: Path) -> None:
        """Writes the VAE (config and weights, safetensors) so that samples can be decoded from the job folder alone."""

    def release(self) -> None:
        """Lets go of all encoders that are loaded."""


class Decoder(Protocol):
    """Turns latents back into pictures."""

    def decode(self, latents: Tensor) -> Image.Image:
        """Scaled latents [C, h, w] to a picture."""


@dataclass(frozen=True)
class Step:
    """A step of a picture that is being made."""

    done: int
    steps: int
    preview: Callable[[], Image.Image]
    """Makes a small picture of how it looks by now, at most 256 pixels long; costs a moment."""


class Pictures(Protocol):
    """A base model that is loaded for making pictures."""

    def use_loras(self, loras: Sequence[tuple[Path, float]]) -> None:
        """Puts these LoRA files on, each with its strength, and takes others off. Raises LORA_INCOMPATIBLE if a file
        holds a tensor that has no place in the model."""

    def left_out(self, prompt: str) -> int:
        """How many tokens at the end of a prompt have no effect, because the model does not read so far."""

    def picture(
        self,
        prompt: str,
        *,
        width: int,
        height: int,
        steps: int,
        guidance: float,
        seed: int,
        on_step: Callable[[Step], None],
    ) -> Image.Image:
        """One picture; the starting noise is drawn on the CPU. What `on_step` raises ends it."""


class Family(Protocol):
    """One base-model family."""

    name: str
    """Name in configs and in LoRA files, e.g. `flux1-dev`."""
    title: str
    """Name for people, e.g. `FLUX.1-dev`."""
    architecture: str
    """`modelspec.architecture` of its LoRAs."""
    base_model_version: str
    """`ss_base_model_version` of its LoRAs, which LoRA managers filter by."""
    unit: int
    """Sides of a picture are multiples of this many pixels."""
    text_tokens: int
    """Default length of the text conditioning."""

    def check_files(self, config: TrainingConfig, *, encoders: bool = True) -> None:
        """Looks at the base files' headers only; without `encoders` at the transformer's alone, which is all that a job
        with a full cache needs. Raises MODEL_MISSING, MODEL_UNREADABLE, MODEL_WRONG_KIND, MODEL_UNSUPPORTED or
        TOKENIZER_MISSING."""

    def base_fingerprint(self, config: TrainingConfig) -> str:
        """Identity of the base transformer's file, cheap to compute (size and parts of the content)."""

    def load_codec(self, config: TrainingConfig, device: torch.device, stopped: Callable[[], object] = bool) -> Codec:
        """The codec made of the config's VAE, text encoders and tokenizers.

        Encoders take minutes to load from a slow disk: `stopped` is asked meanwhile, and once it says something true,
        the codec raises LoadingStopped.
        """

    def write_decoder(self, weights: Mapping[str, Tensor], folder: Path) -> None:
        """Writes the decoder from a VAE's tensors, named as its authors did, which a host has loaded. Raises
        MODEL_UNREADABLE if it is not this family's VAE."""

    def load_decoder(self, folder: Path, device: torch.device) -> Decoder:
        """The decoder that `Codec.write_decoder` left in `folder`."""

    def load_transformer(
        self, config: TrainingConfig, dtype: torch.dtype, placement: Placement = IN_MAIN_MEMORY
    ) -> nn.Module:
        """The base transformer in `dtype`, frozen, in evaluation mode, its weights where and as `placement` says.

        Raises LoadingStopped when `placement.stopped` says so.
        """

    def blocks(self, transformer: nn.Module) -> dict[str, nn.Module]:
        """The blocks that make up nearly all of the model, by their names in it, in the order in which they run."""

    def lora_targets(self, transformer: nn.Module, targets: str) -> list[str]:
        """Full names of the linear layers that `targets` (a name out of `config.TARGETS`) stands for."""

    def shift_timesteps(self, times: Tensor, latent_size: tuple[int, int]) -> Tensor:
        """Moves noise levels in 0…1 to where this model was trained for pictures of that latent height and width."""

    def loss(
        self,
        transformer: nn.Module,
        latents: Tensor,
        noise: Tensor,
        times: Tensor,
        conditioning: Conditioning,
        guidance: float,
    ) -> Tensor:
        """Loss of each photo [B] (fp32) for latents and noise [B, C, h, w] and noise levels [B] (1 is pure noise)."""

    def prediction(
        self,
        transformer: nn.Module,
        latents: Tensor,
        noise: Tensor,
        times: Tensor,
        conditioning: Conditioning,
        guidance: float,
    ) -> Tensor:
        """What the model makes of the same [B, C, h, w] (fp32); `loss` is how far it is from what it should be."""

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
        """Latents [C, h, w] of one picture; the starting noise is drawn on the CPU, so that devices agree.

        `stopped` is asked before each step; once it says something true, there is no picture: None.
        """

    def load_pictures(self, config: TrainingConfig, device: torch.device) -> Pictures:
        """The whole base model, for making pictures with the library that people use it with."""

    def export_key(self, name: str) -> str:
        """The key in a LoRA file for a LoRA parameter's name in the transformer
        (`transformer_blocks.0.attn.to_q.lora_A.weight`)."""

    def sample_sizes(self) -> Sequence[tuple[int, int]]:
        """Width and height of the seven aspect presets: 1:1, 4:3, 3:4, 3:2, 2:3, 16:9, 9:16."""
