"""A frozen linear layer with a LoRA beside it, computed in the model's own number format."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...quantised import is_linear


class LoraLinear(nn.Module):
    """base(x) + scale · B·A·x. `down` (A) and `up` (B) are what the gradient comes to; the base is frozen.

    While `active` is false it is the base alone.
    """

    def __init__(self, base: nn.Module, down: Tensor, up: Tensor, scale: float, dropout: float) -> None:
        super().__init__()
        self.base = base
        self.down = nn.Parameter(down)
        self.up = nn.Parameter(up)
        self.scale = scale
        self.dropout = dropout
        self.active = True

    def forward(self, values: Tensor) -> Tensor:
        if not self.active:
            plain: Tensor = self.base(values)
            return plain
        seen = functional.dropout(values, self.dropout, self.training) if self.dropout else values
        inner = functional.linear(seen, self.down)
        if self.scale != 1.0:
            inner = inner * self.scale
        made: Tensor = self.base(values) + functional.linear(inner, self.up)
        return made


def attach(
    model: nn.Module, names: list[str], rank: int, scale: float, dropout: float, seed: int
) -> dict[str, LoraLinear]:
    """Puts a LoRA in fp32 on these layers and returns them by name. A begins as nn.Linear's weights do, B at zero."""
    draw = torch.Generator().manual_seed(seed)
    found = {}
    for name in names:
        base = model.get_submodule(name)
        assert is_linear(base), name
        inputs, outputs = int(base.in_features), int(base.out_features)
        bound = 1 / math.sqrt(inputs)
        down = torch.empty(rank, inputs).uniform_(-bound, bound, generator=draw)
        up = torch.zeros(outputs, rank)
        layer = LoraLinear(base, down, up, scale, dropout)
        parent, _, last = name.rpartition(".")
        setattr(model.get_submodule(parent), last, layer)
        found[name] = layer
    return found
