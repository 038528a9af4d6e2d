"""What the linear layers in fewer bits have in common."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


class QuantisedLinear(nn.Module):
    """A linear layer that is never trained. Its tensors are buffers, so that moving the model moves them."""

    def __init__(self, inputs: int, outputs: int, bias: bool, both_ways: bool) -> None:
        super().__init__()
        self.in_features = inputs
        self.out_features = outputs
        self.both_ways = both_ways
        self.wants_bias = bias
        self.native = False
        """Whether the device multiplies the format as it is; found when the weight comes, so that a compiler sees a
        plain value."""
        self.weight: Tensor
        self.bias: Tensor | None
        self.register_buffer("weight", None)
        self.register_buffer("bias", None)

    @property
    def complete(self) -> bool:
        """Whether it was given all that it waits for."""
        return self.weight is not None and (self.bias is not None or not self.wants_bias)

    def take_weight(self, weight: Tensor, home: torch.device) -> None:
        """Quantises [outputs, inputs] on the device where it is, and keeps the result at `home`."""
        if weight.shape != (self.out_features, self.in_features):
            raise ValueError(f"a weight of {tuple(weight.shape)} for {self.out_features} × {self.in_features}")
        self.native = self.multiplies(weight.device)
        for name, tensor in self.pack(weight).items():
            self.register_buffer(name, tensor.to(home))

    def take_bias(self, bias: Tensor) -> None:
        """Keeps the bias as it is."""
        if bias.shape != (self.out_features,):
            raise ValueError(f"a bias of {tuple(bias.shape)} for {self.out_features} outputs")
        self.register_buffer("bias", bias)

    def multiplies(self, device: torch.device) -> bool:
        """Whether that device multiplies this layer's format as it is."""
        return False

    def pack(self, weight: Tensor) -> dict[str, Tensor]:
        """The buffers that stand for a weight."""
        raise NotImplementedError

    def widened(self, dtype: torch.dtype) -> Tensor:
        """The weight as plain numbers, with the error of its format."""
        raise NotImplementedError

    def extra_repr(self) -> str:
        return f"{self.in_features} → {self.out_features}"


def rows_of(values: Tensor) -> Tensor:
    """All but the last dimension as one: [rows, columns]."""
    return values.reshape(-1, values.shape[-1])


def scaled_rows(rows: Tensor, largest: float) -> tuple[Tensor, Tensor]:
    """Rows divided so that each one's largest number is `largest`, and what they were divided by [rows, 1], in fp32."""
    wide = rows.float()
    scales = wide.abs().amax(dim=1, keepdim=True).clamp(min=1e-20) / largest
    return wide / scales, scales


def at_least(rows: Tensor, count: int) -> Tensor:
    """Fills up with zero rows where a kernel wants that many."""
    missing = count - rows.shape[0]
    return torch.nn.functional.pad(rows, (0, 0, 0, missing)) if missing > 0 else rows


def product(values: Tensor, outputs: int, multiply: Callable[[Tensor], Tensor]) -> Tensor:
    """Multiplies the rows of values of any shape and gives them that shape back."""
    return multiply(rows_of(values)).reshape(*values.shape[:-1], outputs)
