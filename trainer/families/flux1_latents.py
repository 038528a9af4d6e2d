"""Latents as FLUX.1 sees them: 2 × 2 patches in a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def pack(latents: Tensor) -> Tensor:
    """[B, C, h, w] to tokens of 2 × 2 latents, [B, h/2·w/2, C·4]."""
    batch, channels, height, width = latents.shape
    split = latents.view(batch, channels, height // 2, 2, width // 2, 2)
    return split.permute(0, 2, 4, 1, 3, 5).reshape(batch, height // 2 * (width // 2), channels * 4)


def unpack(tokens: Tensor, height: int, width: int) -> Tensor:
    """Tokens [B, h/2·w/2, C·4] back to [B, C, h, w] for the latents' height and width."""
    batch, _, size = tokens.shape
    split = tokens.view(batch, height // 2, width // 2, size // 4, 2, 2)
    return split.permute(0, 3, 1, 4, 2, 5).reshape(batch, size // 4, height, width)
