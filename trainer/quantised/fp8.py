"""e4m3 weights with one scale, multiplied by e4m3 inputs with one scale a row."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor

from .layer import QuantisedLinear, at_least, product

LARGEST = 448.0
"""The largest e4m3 number."""
_SAMPLE = 1 << 18
_ROWS = 16
"""Rows that the kernel is given at least."""


class Fp8Linear(QuantisedLinear):
    """See the package."""

    scale: Tensor
    turned: Tensor | None

    def pack(self, weight: Tensor) -> dict[str, Tensor]:
        scale = find_scale(weight)
        kept = (weight.float() / scale).clamp(-LARGEST, LARGEST).to(torch.float8_e4m3fn)
        spread = scale.expand(1, max(self.in_features, self.out_features)).contiguous()  # the kernel wants one a column
        buffers = {"weight": kept, "scale": spread}
        return {**buffers, "turned": kept.t().contiguous()} if self.both_ways else buffers

    def multiplies(self, device: torch.device) -> bool:
        return multiplies(device, (self.out_features, self.in_features))

    def widened(self, dtype: torch.dtype) -> Tensor:
        return _widened(self.weight, self.scale, dtype)

    def forward(self, values: Tensor) -> Tensor:
        turned = self.turned if self.both_ways else None
        made: Tensor = _Product.apply(values, self.weight, self.scale, turned, self.native)
        return made if self.bias is None else made + self.bias


def find_scale(weight: Tensor) -> Tensor:
    """What a weight is divided by, [1, 1]: its largest number becomes e4m3's, or the next power of two above does.

    Numbers that came out of a plain fp8 file fall on e4m3's own grid again under a power of two, those of a scaled
    file under the other: whichever errs less on a part of the weight is taken.
    """
    exact = weight.abs().amax().float().clamp(min=1e-12) / LARGEST
    power = torch.exp2(torch.ceil(torch.log2(exact)))
    part = weight.reshape(-1)[:_SAMPLE].float()
    found = [(part / scale).to(torch.float8_e4m3fn).float() * scale for scale in (exact, power)]
    errors = [(values - part).square().sum() for values in found]
    return torch.where(errors[0] <= errors[1], exact, power).view(1, 1)


class _Product(torch.autograd.Function):
    """Keeps nothing of the input: the gradient goes through the weight alone."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, weight: Tensor, scale: Tensor, turned: Tensor | None, native: bool) -> Tensor:
        ctx.native = native
        ctx.save_for_backward(weight, scale, *(() if turned is None else (turned,)))
        return product(values, weight.shape[0], lambda rows: multiply(rows, weight, scale, native))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None, None]:
        weight, scale, *turned = ctx.saved_tensors

        def back(rows: Tensor) -> Tensor:
            if not ctx.native:
                return rows @ _widened(weight, scale, rows.dtype)
            return multiply(rows, turned[0] if turned else weight.t().contiguous(), scale, ctx.native)

        return product(gradient, weight.shape[1], back), None, None, None, None


def multiply(rows: Tensor, weight: Tensor, scale: Tensor, native: bool) -> Tensor:
    """rows [n, k] by weight [m, k]: [n, m], in the rows' own format."""
    if not native:
        return rows @ _widened(weight, scale, rows.dtype).t()
    filled = at_least(rows, _ROWS)
    scales = row_scales(filled)
    made = torch._scaled_mm(
        (filled / scales).to(torch.float8_e4m3fn),
        weight.t(),
        scale_a=scales.float(),
        scale_b=scale[:, : weight.shape[0]],
        out_dtype=torch.bfloat16,
        use_fast_accum=True,
    )
    return made[: rows.shape[0]].to(rows.dtype)


def row_scales(rows: Tensor) -> Tensor:
    """What each row is divided by, [n, 1], in the rows' own format: nothing as large as the rows is made for it.

    Rounding it to bf16 moves the largest quotient by less than half of e4m3's last step.
    """
    largest = torch.linalg.vector_norm(rows, ord=float("inf"), dim=1, keepdim=True)
    return (largest.float().clamp(min=1e-20) / LARGEST).to(rows.dtype)


def multiplies(device: torch.device, sides: tuple[int, int]) -> bool:
    """Whether e4m3 is multiplied by e4m3 there: NVIDIA GPUs from Ada and Hopper on; sides in multiples of 16."""
    return device.type == "cuda" and not any(side % 16 for side in sides) and _able(device.index or 0)


@cache
def _able(index: int) -> bool:
    return torch.version.hip is None and torch.cuda.get_device_capability(index) >= (8, 9)


def _widened(weight: Tensor, scale: Tensor, dtype: torch.dtype) -> Tensor:
    """The scale stays in fp32: rounded to bf16 it would be off for the whole weight alike."""
    return (weight.to(dtype) * scale[:, :1]).to(dtype)
