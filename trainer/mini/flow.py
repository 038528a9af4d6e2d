"""FLUX's mathematics as the mini model's training and scoring use it: words to conditioning, shifted noise levels, one
forward, one sampler."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from .architecture import MAX_TEXT_TOKENS, SCHEDULER, Components

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Words:
    """Conditioning of a batch of captions."""

    tokens: Tensor
    """T5 states: N × 32 × 128."""
    pooled: Tensor
    """CLIP's pooled vector: N × 64."""


class Tokenizers:
    """Both tokenizers of a pipeline folder."""

    def __init__(self, folder: Path) -> None:
        from transformers import CLIPTokenizer, PreTrainedTokenizerFast

        self.clip = CLIPTokenizer.from_pretrained(folder / "tokenizer")
        self.t5 = PreTrainedTokenizerFast.from_pretrained(folder / "tokenizer_2")

    def __call__(self, captions: list[str], device: torch.device) -> tuple[Tensor, Tensor]:
        """CLIP ids and T5 ids, padded and cut as FluxPipeline does."""
        how: dict[str, Any] = {"padding": "max_length", "truncation": True, "return_tensors": "pt"}
        clip = self.clip(captions, max_length=self.clip.model_max_length, **how).input_ids
        t5 = self.t5(captions, max_length=MAX_TEXT_TOKENS, **how).input_ids
        return clip.to(device), t5.to(device)


def read_words(components: Components, ids: tuple[Tensor, Tensor]) -> Words:
    """Run both text encoders, without attention masks, as FluxPipeline does."""
    clip, t5 = ids
    return Words(components.text_encoder_2(t5)[0], components.text_encoder(clip).pooler_output)


def shift_of(image_tokens: int) -> float:
    """The schedule's mu for a picture of so many tokens (linear in the number of tokens, as in FLUX.1-dev)."""
    s = SCHEDULER
    slope = (s["max_shift"] - s["base_shift"]) / (s["max_image_seq_len"] - s["base_image_seq_len"])
    return float(s["base_shift"] + slope * (image_tokens - s["base_image_seq_len"]))


def shifted(level: Tensor, mu: float) -> Tensor:
    """Move noise levels in 0..1 towards noise: e^mu / (e^mu + 1/level − 1)."""
    return math.exp(mu) / (math.exp(mu) + (1 / level.clamp(1e-5, 1.0) - 1))


def random_levels(count: int, image_tokens: int, generator: torch.Generator) -> Tensor:
    """Noise levels for training: shifted logit-normal, one in eight uniform so that both ends are seen."""
    normal = shifted(torch.sigmoid(torch.randn(count, generator=generator)), shift_of(image_tokens))
    flat = torch.rand(count, generator=generator)
    return torch.where(torch.rand(count, generator=generator) < 0.125, flat, normal)


def picture_ids(width: int, height: int, device: torch.device) -> Tensor:
    """Position ids (0, row, column) of a picture's tokens."""
    ids = torch.zeros(height // 16, width // 16, 3, device=device)
    ids[..., 1] = torch.arange(height // 16, device=device)[:, None]
    ids[..., 2] = torch.arange(width // 16, device=device)[None, :]
    return ids.view(-1, 3)


def velocity(
    transformer: torch.nn.Module, noisy: Tensor, level: Tensor, words: Words, size: tuple[int, int], guidance: Tensor
) -> Tensor:
    """One forward. `noisy`: N × tokens × 64; `level`, `guidance`: N; returns noise − latents as the model sees it."""
    text_ids = torch.zeros(words.tokens.shape[1], 3, device=noisy.device)
    made: Tensor = transformer(
        hidden_states=noisy,
        timestep=level,
        guidance=guidance,
        encoder_hidden_states=words.tokens,
        pooled_projections=words.pooled,
        txt_ids=text_ids,
        img_ids=picture_ids(*size, noisy.device),
        return_dict=False,
    )[0]
    return made


@torch.no_grad()
def sample(
    components: Components,
    words: Words,
    size: tuple[int, int],
    seed: int,
    steps: int = 12,
    guidance: float = 3.5,
    empty: Words | None = None,
) -> Tensor:
    """Euler from noise to packed latents, N × tokens × 64.

    With `empty` (the words of an empty caption) guidance is the classifier-free kind, for a model before distillation:
    two forwards a step. Without it the model's own guidance input is used.
    """
    count, device = len(words.pooled), words.pooled.device
    tokens = (size[0] // 16) * (size[1] // 16)
    x = torch.randn(count, tokens, 64, generator=torch.Generator().manual_seed(seed)).to(device)
    levels = torch.cat([shifted(torch.linspace(1, 1 / steps, steps), shift_of(tokens)), torch.zeros(1)]).tolist()
    one = torch.ones(count, device=device)
    for level, after in itertools.pairwise(levels):
        with torch.autocast(device.type, torch.bfloat16):
            v = velocity(components.transformer, x, one * level, words, size, one * (1.0 if empty else guidance))
            if empty:
                both = Words(empty.tokens.expand(count, -1, -1), empty.pooled.expand(count, -1))
                plain = velocity(components.transformer, x, one * level, both, size, one)
                v = plain.float() + guidance * (v.float() - plain.float())
        x = x + (after - level) * v.float()
    return x
