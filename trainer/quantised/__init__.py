"""Frozen linear layers in fewer bits: quantised once when they are loaded, and multiplied as they are stored.

The gradient goes to the input alone, so nothing of the weights is computed or copied for it but what a product needs.

| format | kept | product where the GPU can | elsewhere |
|---|---|---|---|
| fp8 | e4m3, one scale a weight | e4m3 × e4m3, one scale a row of the input | widened, then multiplied |
| int8 | whole numbers, one scale an output | int8 × int8, the same | widened, then multiplied |
| nf4 | 4 bits, one scale for 64 numbers (bitsandbytes) | | widened, then multiplied |
"""

from __future__ import annotations

from importlib import import_module

from torch import nn

from .layer import QuantisedLinear

__all__ = ["FORMATS", "QuantisedLinear", "is_linear", "make_layer", "quantise_layer"]

_CLASSES = {"fp8": (".fp8", "Fp8Linear"), "int8": (".int8", "Int8Linear"), "nf4": (".nf4", "Nf4Linear")}
FORMATS = tuple(_CLASSES)


def make_layer(form: str, inputs: int, outputs: int, *, bias: bool, both_ways: bool = False) -> QuantisedLinear:
    """A layer that waits for its weight (`take_weight`) and bias (`take_bias`).

    With `both_ways` it also keeps its weight turned, where the backward product would turn it each time: twice the
    memory.
    """
    module, name = _CLASSES[form]
    made: QuantisedLinear = getattr(import_module(module, __package__), name)(inputs, outputs, bias, both_ways)
    return made


def quantise_layer(linear: nn.Linear, form: str, *, both_ways: bool = False) -> QuantisedLinear:
    """The same layer in fewer bits, on the same device."""
    made = make_layer(form, linear.in_features, linear.out_features, bias=linear.bias is not None, both_ways=both_ways)
    made.take_weight(linear.weight.detach(), linear.weight.device)
    if linear.bias is not None:
        made.take_bias(linear.bias.detach())
    return made


def is_linear(module: nn.Module) -> bool:
    """Whether a module is a linear layer, in whatever format."""
    return isinstance(module, nn.Linear | QuantisedLinear)
