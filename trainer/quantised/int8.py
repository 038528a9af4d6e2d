"""Whole-number weights with one scale an output, multiplied by whole-number inputs with one scale a row."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor

from .layer import QuantisedLinear, at_least, product, scaled_rows

LARGEST = 127.0
_ROWS = 32
"""CUDA's kernel wants more than 16 rows."""


class Int8Linear(QuantisedLinear):
    """See the package."""

    scale: Tensor
    turned: Tensor | None

    def pack(self, weight: Tensor) -> dict[str, Tensor]:
        scaled, scales = scaled_rows(weight, LARGEST)
        kept = scaled.round().to(torch.int8)
        buffers = {"weight": kept, "scale": scales}
        return {**buffers, "turned": kept.t().contiguous()} if self.both_ways else buffers

    def multiplies(self, device: torch.device) -> bool:
        return multiplies(device, (self.out_features, self.in_features))

    def widened(self, dtype: torch.dtype) -> Tensor:
        return _widened(self.weight, self.scale, dtype)

    def forward(self, values: Tensor) -> Tensor:
        turned = self.turned if self.both_ways else None
        made: Tensor = _Product.apply(values, self.weight, self.scale, turned, self.native)
        return made if self.bias is None else made + self.bias


class _Product(torch.autograd.Function):
    """Keeps nothing of the input. The outputs' scales stand between gradient and weight, so they go into the former."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, weight: Tensor, scale: Tensor, turned: Tensor | None, native: bool) -> Tensor:
        ctx.native = native
        ctx.save_for_backward(weight, scale, *(() if turned is None else (turned,)))

        def there(rows: Tensor) -> Tensor:
            if not native:
                return rows @ _widened(weight, scale, rows.dtype).t()
            return (_whole_product(rows, weight) * scale.view(1, -1)).to(rows.dtype)

        return product(values, weight.shape[0], there)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None, None]:
        weight, scale, *turned = ctx.saved_tensors

        def back(rows: Tensor) -> Tensor:
            if not ctx.native:
                return rows @ _widened(weight, scale, rows.dtype)
            other = turned[0] if turned else weight.t().contiguous()
            return _whole_product(rows.float() * scale.view(1, -1), other).to(rows.dtype)

        return product(gradient, weight.shape[1], back), None, None, None, None


def _whole_product(rows: Tensor, weight: Tensor) -> Tensor:
    """rows [n, k] by whole numbers [m, k]: [n, m] in fp32, without the weight's scales."""
    scaled, scales = scaled_rows(at_least(rows, _ROWS), LARGEST)
    made = torch._int_mm(scaled.round().to(torch.int8), weight.t())
    return (made.float() * scales)[: rows.shape[0]]


def multiplies(device: torch.device, sides: tuple[int, int]) -> bool:
    """Whether int8 is multiplied by int8 there: NVIDIA GPUs from Ampere on; sides in multiples of 16."""
    return device.type == "cuda" and not any(side % 16 for side in sides) and _able(device.index or 0)


@cache
def _able(index: int) -> bool:
    return torch.version.hip is None and torch.cuda.get_device_capability(index) >= (8, 0)


def _widened(weight: Tensor, scale: Tensor, dtype: torch.dtype) -> Tensor:
    return (weight.to(dtype) * scale).to(dtype)
