"""Whole-number weights with one scale an output, multiplied by whole-number inputs with one scale a row.

Scales are multiplied to what comes out, or to the gradient that comes in: a weight is never made anew for them.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor

from ..memory_plan import INT8_FROM
from .layer import ScaledLinear, at_least, multiplies_on, product, row_scales, works

LARGEST = 127.0
_ROWS = 32
"""CUDA's kernel wants more than 16 rows."""


class Int8Linear(ScaledLinear):
    """See the package."""

    def pack(self, weight: Tensor) -> dict[str, Tensor]:
        scales = row_scales(weight, LARGEST)
        return self.kept((weight / scales).round_().to(torch.int8), scales)

    def multiplies(self, device: torch.device) -> bool:
        return multiplies(device, (self.out_features, self.in_features))

    def times(self, values: Tensor, turned: Tensor | None) -> Tensor:
        made: Tensor = _Product.apply(values, self.weight, self.scale, turned, self.native)
        return made


class _Product(torch.autograd.Function):
    """Keeps nothing of the input. The outputs' scales stand between gradient and weight, so they go into the former."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, weight: Tensor, scale: Tensor, turned: Tensor | None, native: bool) -> Tensor:
        ctx.native = native
        ctx.save_for_backward(weight, scale, *(() if turned is None else (turned,)))

        def there(rows: Tensor) -> Tensor:
            if not native:
                return (rows @ weight.to(rows.dtype).t()).mul_(scale.view(1, -1))
            return whole_product(rows, weight, rows.dtype).mul_(scale.view(1, -1))

        return product(values, weight.shape[0], there)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None, None]:
        weight, scale, *turned = ctx.saved_tensors

        def back(rows: Tensor) -> Tensor:
            wide = rows * scale.view(1, -1)  # in fp32
            if not ctx.native:
                return wide.to(rows.dtype) @ weight.to(rows.dtype)
            other = turned[0] if turned else weight.t().contiguous()
            return whole_product(wide, other, rows.dtype)

        return product(gradient, weight.shape[1], back), None, None, None, None


def whole_product(rows: Tensor, weight: Tensor, dtype: torch.dtype) -> Tensor:
    """rows [n, k] by whole numbers [m, k]: [n, m], without the weight's scales."""
    filled = at_least(rows, _ROWS)
    scales = row_scales(filled, LARGEST)
    made = torch._int_mm((filled / scales).round_().to(torch.int8), weight.t())
    return made.to(dtype).mul_(scales)[: rows.shape[0]]


def multiplies(device: torch.device, sides: tuple[int, int]) -> bool:
    """Whether int8 is multiplied by int8 there: NVIDIA GPUs from Ampere on; sides in multiples of 16."""
    return multiplies_on(device, sides, _able)


@cache
def _able(index: int) -> bool:
    if torch.version.hip is not None or torch.cuda.get_device_capability(index) < INT8_FROM:
        return False
    device = torch.device("cuda", index)
    weight = torch.ones(32, 64, dtype=torch.int8, device=device)
    rows = torch.full((3, 64), LARGEST, device=device)
    return works(lambda: whole_product(rows, weight, torch.float32), 64 * LARGEST)
