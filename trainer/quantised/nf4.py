"""4-bit weights by bitsandbytes: for small memory, not for speed. Imports it when a layer is packed or used."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

import torch
from torch import Tensor

from ...errors import IsengardError
from .layer import QuantisedLinear, product

BLOCK = 64
"""Numbers that share a scale."""
_PACKAGE = "bitsandbytes"


class Nf4Linear(QuantisedLinear):
    """See the package. `both_ways` means nothing to it: what is widened can be read in both directions."""

    scale: Tensor
    code: Tensor

    def pack(self, weight: Tensor) -> dict[str, Tensor]:
        functional = _functional()
        packed, state = functional.quantize_4bit(weight.contiguous(), blocksize=BLOCK, quant_type="nf4")
        return {"weight": packed, "scale": state.absmax, "code": state.code}

    def widened(self, dtype: torch.dtype) -> Tensor:
        return _widened(self.weight, self.scale, self.code, (self.out_features, self.in_features), dtype)

    def forward(self, values: Tensor) -> Tensor:
        shape = (self.out_features, self.in_features)
        made: Tensor = _Product.apply(values, self.weight, self.scale, self.code, shape)
        return made if self.bias is None else made + self.bias


class _Product(torch.autograd.Function):
    """Keeps the packed weight alone and widens it again for the gradient."""

    @staticmethod
    def forward(
        ctx: Any, values: Tensor, packed: Tensor, scale: Tensor, code: Tensor, shape: tuple[int, int]
    ) -> Tensor:
        ctx.save_for_backward(packed, scale, code)
        ctx.shape = shape
        wide = _widened(packed, scale, code, shape, values.dtype)
        return product(values, shape[0], lambda rows: rows @ wide.t())

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None, None]:
        packed, scale, code = ctx.saved_tensors
        wide = _widened(packed, scale, code, ctx.shape, gradient.dtype)
        return product(gradient, ctx.shape[1], lambda rows: rows @ wide), None, None, None, None


def check_nf4() -> None:
    """Raises PACKAGE_MISSING unless bitsandbytes is installed; whether it works here shows when it packs."""
    if importlib.util.find_spec(_PACKAGE) is None:
        raise IsengardError(
            "PACKAGE_MISSING",
            f"base_weights nf4 needs the package {_PACKAGE}, which is not installed.",
            hint=f"Install {_PACKAGE} into the Python that runs Isengard, or choose base_weights fp8 or auto.",
        )


def _functional() -> Any:
    check_nf4()
    try:
        return importlib.import_module(f"{_PACKAGE}.functional")
    except (ImportError, OSError, RuntimeError, AttributeError) as problem:
        raise IsengardError(
            "PACKAGE_MISSING",
            f"The package {_PACKAGE} is installed but does not work here: {problem}.",
            hint="Install a version that fits this torch and GPU, or choose base_weights fp8.",
        ) from problem


def _widened(packed: Tensor, scale: Tensor, code: Tensor, shape: tuple[int, int], dtype: torch.dtype) -> Tensor:
    from bitsandbytes import functional  # type: ignore[import-not-found,unused-ignore]  # a compiler sees through this

    state = functional.QuantState(
        absmax=scale, shape=torch.Size(shape), code=code, blocksize=BLOCK, quant_type="nf4", dtype=dtype
    )
    wide: Tensor = functional.dequantize_4bit(packed, state)
    return wide
