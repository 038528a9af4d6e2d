"""e4m3 weights with one scale, multiplied by e4m3 inputs with one scale a row.

The kernel is asked for one scale a factor, which every GPU and system has that multiplies e4m3 at all; one with a scale
a row is missing on Windows and on many chips. The rows' scales are multiplied to what comes out, which is the same.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor

from ..memory_plan import FP8_FROM
from .layer import ScaledLinear, at_least, multiplies_on, product, works
from .layer import row_scales as scales_of

LARGEST = 448.0
"""The largest e4m3 number."""
_SAMPLE = 1 << 18
_ROWS = 16
"""Rows that the kernel is given at least."""


class Fp8Linear(ScaledLinear):
    """See the package."""

    unit: Tensor
    """A scale of one, for the factor whose scales the kernel is not told."""

    def pack(self, weight: Tensor) -> dict[str, Tensor]:
        scale = find_scale(weight)
        packed = (weight / scale).clamp_(-LARGEST, LARGEST).to(torch.float8_e4m3fn)  # in fp32 between
        return {**self.kept(packed, scale), "unit": torch.ones_like(scale)}

    def multiplies(self, device: torch.device) -> bool:
        return multiplies(device, (self.out_features, self.in_features))

    def times(self, values: Tensor, turned: Tensor | None) -> Tensor:
        made: Tensor = _Product.apply(values, self.weight, self.scale, self.unit, turned, self.native)
        return made


def find_scale(weight: Tensor) -> Tensor:
    """What a weight is divided by, [1, 1]: its largest number becomes e4m3's, or the next power of two above does.

    Numbers that came out of a plain fp8 file fall on e4m3's own grid again under a power of two, those of a scaled
    file under the other: whichever errs less on a part of the weight is taken.
    """
    exact = torch.linalg.vector_norm(weight, ord=float("inf")).float().clamp(min=1e-12) / LARGEST
    power = torch.exp2(torch.ceil(torch.log2(exact)))
    part = weight.reshape(-1)[:_SAMPLE].float()
    found = [(part / scale).to(torch.float8_e4m3fn).float() * scale for scale in (exact, power)]
    errors = [(values - part).square().sum() for values in found]
    return torch.where(errors[0] <= errors[1], exact, power).view(1, 1)


class _Product(torch.autograd.Function):
    """Keeps nothing of the input: the gradient goes through the weight alone."""

    @staticmethod
    def forward(
        ctx: Any, values: Tensor, weight: Tensor, scale: Tensor, unit: Tensor, turned: Tensor | None, native: bool
    ) -> Tensor:
        ctx.native = native
        ctx.save_for_backward(weight, scale, unit, *(() if turned is None else (turned,)))
        return product(values, weight.shape[0], lambda rows: multiply(rows, weight, scale, unit, native))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None, None, None]:
        weight, scale, unit, *turned = ctx.saved_tensors

        def back(rows: Tensor) -> Tensor:
            if not ctx.native:
                return (rows @ weight.to(rows.dtype)).mul_(scale)
            return multiply(rows, turned[0] if turned else weight.t().contiguous(), scale, unit, ctx.native)

        return product(gradient, weight.shape[1], back), None, None, None, None, None


def multiply(rows: Tensor, weight: Tensor, scale: Tensor, unit: Tensor, native: bool) -> Tensor:
    """rows [n, k] by weight [m, k]: [n, m], in the rows' own format."""
    if not native:
        return (rows @ weight.to(rows.dtype).t()).mul_(scale)
    filled = at_least(rows, _ROWS)
    scales = row_scales(filled)
    made = torch._scaled_mm(
        (filled / scales).to(torch.float8_e4m3fn).contiguous(),
        weight.t(),
        scale_a=unit,
        scale_b=scale,
        out_dtype=torch.bfloat16,
        use_fast_accum=True,
    )
    return made.mul_(scales)[: rows.shape[0]].to(rows.dtype)


def row_scales(rows: Tensor) -> Tensor:
    """What each row is divided by, [n, 1], in the rows' own format: nothing as large as the rows is made for it.

    Rounding it to bf16 moves the largest quotient by less than half of e4m3's last step.
    """
    return scales_of(rows, LARGEST).to(rows.dtype)


def multiplies(device: torch.device, sides: tuple[int, int]) -> bool:
    """Whether e4m3 is multiplied by e4m3 there: NVIDIA GPUs from Ada and Hopper on; sides in multiples of 16."""
    return multiplies_on(device, sides, _able)


@cache
def _able(index: int) -> bool:
    if torch.version.hip is not None or torch.cuda.get_device_capability(index) < FP8_FROM:
        return False
    one = torch.ones(1, 1, device=torch.device("cuda", index))
    weight = torch.ones(32, 64, device=one.device).to(torch.float8_e4m3fn)
    rows = torch.full((17, 64), LARGEST, dtype=torch.bfloat16, device=one.device)
    return works(lambda: multiply(rows, weight, one, one, native=True), 64 * LARGEST)
