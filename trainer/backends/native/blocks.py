"""How each block of a transformer runs: compiled or not, its inside kept or recomputed, its weights here or swapped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from .swap import Swap

Forward = Callable[..., Any]


def arrange(
    blocks: list[nn.Module],
    *,
    recomputed: set[int],
    swapped: list[int],
    device: torch.device,
    random: bool = False,
    pinned: bool = True,
    compiled: Callable[[Forward], Forward] | None = None,
) -> Swap | None:
    """Puts a runner in the place of each block's forward; the LoRA is on already. Returns the swap if there is one.

    `recomputed` and `swapped` are places in `blocks`, which run in this order; what is swapped is recomputed, too.
    `random` says that something is drawn inside a block, which a recomputation must draw again alike; `pinned` that the
    main memory has the room to hold what waits in it fast.
    """
    trained = [place for place, block in enumerate(blocks) if any(part.requires_grad for part in block.parameters())]
    first = min(trained, default=len(blocks))
    swap = None
    if swapped:
        behind = sum(place < first for place in swapped)
        swap = Swap([blocks[place] for place in swapped], device, behind, pinned=pinned)
    for place, block in enumerate(blocks):
        plain: Forward = block.forward
        runner = _Runner(
            plain,
            compiled(plain) if compiled else plain,
            recompute=place in recomputed or place in swapped,
            backward=place >= first,
            random=random,
            swap=swap if place in swapped else None,
            number=swapped.index(place) if place in swapped else -1,
        )
        block.forward = runner
    return swap


class _Runner:
    """Stands for one block's forward. Under no_grad the plain one runs: pictures have sizes of their own."""

    def __init__(
        self,
        plain: Forward,
        quick: Forward,
        *,
        recompute: bool,
        backward: bool,
        random: bool,
        swap: Swap | None,
        number: int,
    ) -> None:
        self._plain = plain
        self._quick = quick
        self._recompute = recompute
        self._backward = backward
        self._random = random
        self._swap = swap
        self._number = number

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        trains = torch.is_grad_enabled()
        if not (trains and self._backward and self._recompute):
            made = self._run(self._quick if trains else self._plain, *args, **kwargs)
        else:
            args, kwargs = self._marked(args, kwargs)
            made = checkpoint(
                self._run, self._quick, *args, use_reentrant=False, preserve_rng_state=self._random, **kwargs
            )
        if self._swap:
            self._swap.left_forward(self._number, backward_follows=trains)
        return made

    def _run(self, forward: Forward, *args: Any, **kwargs: Any) -> Any:
        """Runs in the forward pass, and again in the backward pass if the inside is recomputed."""
        if self._swap:
            self._swap.bring(self._number)
        return forward(*args, **kwargs)

    def _marked(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The same inputs, through a gate that the gradients pass last on their way out of the block."""
        if self._swap is None:
            return args, kwargs
        inputs = {str(place): value for place, value in enumerate(args)} | kwargs
        passing = {name: value for name, value in inputs.items() if _learns(value)}
        if passing:
            swap, number = self._swap, self._number
            through = _Gate.apply(lambda: swap.left_backward(number), *passing.values())
            inputs |= dict(zip(passing, through, strict=True))
        return tuple(inputs[str(place)] for place in range(len(args))), {name: inputs[name] for name in kwargs}


class _Gate(torch.autograd.Function):
    """Lets values through as they are, and tells when the gradients come back."""

    @staticmethod
    def forward(ctx: Any, told: Callable[[], None], *values: Tensor) -> tuple[Tensor, ...]:
        ctx.told = told
        return tuple(value.view_as(value) for value in values)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        ctx.told()
        return None, *gradients


def _learns(value: Any) -> bool:
    return isinstance(value, Tensor) and value.requires_grad
