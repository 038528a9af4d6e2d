"""What the linear layers in fewer bits have in common."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ... import log

_LOG = log.get("trainer.quantised")


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


class ScaledLinear(QuantisedLinear):
    """Numbers of eight bits with scales beside them, kept turned as well where a layer is to multiply both ways."""

    scale: Tensor
    turned: Tensor | None

    def kept(self, weight: Tensor, scale: Tensor) -> dict[str, Tensor]:
        """The buffers for a weight in eight bits."""
        buffers = {"weight": weight, "scale": scale}
        return {**buffers, "turned": weight.t().contiguous()} if self.both_ways else buffers

    def widened(self, dtype: torch.dtype) -> Tensor:
        return (self.weight.to(dtype) * self.scale).to(dtype)

    def forward(self, values: Tensor) -> Tensor:
        made = self.times(values, self.turned if self.both_ways else None)
        return made if self.bias is None else made + self.bias

    def times(self, values: Tensor, turned: Tensor | None) -> Tensor:
        """The product with the weight, without the bias."""
        raise NotImplementedError


def multiplies_on(device: torch.device, sides: tuple[int, int], able: Callable[[int], bool]) -> bool:
    """Whether a product of eight bits can be left to a device: a GPU of a number that is `able`, sides in multiples of
    16."""
    return device.type == "cuda" and not any(side % 16 for side in sides) and able(device.index or 0)


def works(product_of: Callable[[], Tensor], expected: float) -> bool:
    """Tries a product of a GPU's once: what chip, driver, system and torch can do together is told by none of them."""
    try:
        found = product_of()
        return bool((found == expected).all())
    except (RuntimeError, TypeError, ValueError, AttributeError) as problem:
        _LOG.warning("numbers of this format are widened before they are multiplied", problem=str(problem)[:300])
        return False


def rows_of(values: Tensor) -> Tensor:
    """All but the last dimension as one: [rows, columns]."""
    return values.reshape(-1, values.shape[-1])


def row_scales(rows: Tensor, largest: float) -> Tensor:
    """What each row is divided by so that its largest number is `largest`: [rows, 1], in fp32. Nothing as large as the
    rows is made for it."""
    found = torch.linalg.vector_norm(rows, ord=float("inf"), dim=1, keepdim=True)
    return found.float().clamp(min=1e-20) / largest


def at_least(rows: Tensor, count: int) -> Tensor:
    """Fills up with zero rows where a kernel wants that many."""
    missing = count - rows.shape[0]
    return torch.nn.functional.pad(rows, (0, 0, 0, missing)) if missing > 0 else rows


def product(values: Tensor, outputs: int, multiply: Callable[[Tensor], Tensor]) -> Tensor:
    """Multiplies the rows of values of any shape and gives them that shape back."""
    return multiply(rows_of(values)).reshape(*values.shape[:-1], outputs)
