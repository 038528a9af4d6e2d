"""The LoRA on a frozen transformer: putting it on, its fp32 masters, reading it, averaging it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from ...config import TrainingConfig
from .lora_layer import attach


class Adapter:
    """The trained parameters by their names in the transformer, always fp32, and their moving average.

    The layers compute with copies in the model's number format, so that nothing is cast inside a forward pass. After a
    backward pass `collect` adds the copies' gradients to the masters', after an optimizer step `publish` brings the
    masters' values into the copies: a few launches for all layers together. In fp32 master and copy are one.
    """

    def __init__(
        self,
        transformer: nn.Module,
        config: TrainingConfig,
        targets: list[str],
        device: torch.device | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        transformer.requires_grad_(False)
        self.scale = config.alpha / config.rank
        self.layers = attach(transformer, targets, config.rank, self.scale, config.lora_dropout, config.seed)
        self.parameters: dict[str, nn.Parameter] = {}
        self._copies: list[nn.Parameter] = []
        self._shares = dtype == torch.float32
        for name, layer in self.layers.items():
            for key, part in (("lora_A", "down"), ("lora_B", "up")):
                drawn: Tensor = getattr(layer, part).detach().to(device or "cpu")
                master = nn.Parameter(drawn)
                copy = master if self._shares else nn.Parameter(drawn.to(dtype))
                setattr(layer, part, copy)
                self.parameters[f"{name}.{key}.weight"] = master
                self._copies.append(copy)
        self._decay = config.ema_decay
        self.average: dict[str, Tensor] = {}

    @torch.no_grad()
    def collect(self) -> None:
        """Adds the gradients of a backward pass to the masters'."""
        if self._shares:
            return
        fresh = [(master, copy.grad) for master, copy in self._pairs() if copy.grad is not None]
        known = [(master.grad, grad) for master, grad in fresh if master.grad is not None]
        for master, grad in fresh:
            if master.grad is None:
                master.grad = grad.float()
        if known:
            torch._foreach_add_([total for total, _ in known], [grad.float() for _, grad in known])
        for copy in self._copies:
            copy.grad = None

    def reduce(self, processes: int) -> None:
        """Makes the gradients the mean over all processes. One transfer: a LoRA is small."""
        if processes == 1:
            return
        gradients = [master.grad for master in self.parameters.values() if master.grad is not None]
        whole = torch.cat([gradient.flatten() for gradient in gradients])
        torch.distributed.all_reduce(whole)
        whole /= processes
        pieces = whole.split([gradient.numel() for gradient in gradients])
        torch._foreach_copy_(gradients, [piece.view_as(own) for piece, own in zip(pieces, gradients, strict=True)])

    @torch.no_grad()
    def publish(self) -> None:
        """Brings the masters' values into what the layers compute with."""
        if not self._shares:
            torch._foreach_copy_(list(self._copies), list(self.parameters.values()))

    def start_average(self) -> None:
        """Begins the moving average at the present weights (on their device)."""
        if self._decay:
            self.average = {name: parameter.detach().clone() for name, parameter in self.parameters.items()}

    def update_average(self) -> None:
        """Moves the average on by one step."""
        if self.average:
            weights: list[Tensor] = [parameter.detach() for parameter in self.parameters.values()]
            torch._foreach_lerp_(list(self.average.values()), weights, 1.0 - self._decay)

    def best(self) -> dict[str, Tensor]:
        """The weights that are saved: the average if there is one."""
        return self.average or {name: parameter.detach() for name, parameter in self.parameters.items()}

    @contextmanager
    def best_in_place(self) -> Iterator[None]:
        """Puts the average into the transformer for sampling, and the trained weights back afterwards."""
        if not self.average:
            yield
            return
        trained = {name: parameter.detach().clone() for name, parameter in self.parameters.items()}
        self._copy_in(self.average)
        try:
            yield
        finally:
            self._copy_in(trained)

    @contextmanager
    def taken_off(self) -> Iterator[None]:
        """The transformer as it was without the LoRA, meanwhile."""
        for layer in self.layers.values():
            layer.active = False
        try:
            yield
        finally:
            for layer in self.layers.values():
                layer.active = True

    def state(self) -> dict[str, dict[str, Tensor]]:
        """What a checkpoint must hold to go on."""
        return {
            "trained": {name: parameter.detach().cpu() for name, parameter in self.parameters.items()},
            "average": {name: tensor.cpu() for name, tensor in self.average.items()},
        }

    def load_state(self, state: dict[str, dict[str, Tensor]]) -> None:
        """Takes up a checkpoint's weights. Raises KeyError if it belongs to another LoRA."""
        self._copy_in({name: state["trained"][name] for name in self.parameters})
        average = state["average"] or state["trained"]  # averaging that begins now begins here
        for name, tensor in self.average.items():
            tensor.copy_(average[name])

    def _pairs(self) -> Iterator[tuple[nn.Parameter, nn.Parameter]]:
        return zip(self.parameters.values(), self._copies, strict=True)

    @torch.no_grad()
    def _copy_in(self, weights: dict[str, Tensor]) -> None:
        for name, parameter in self.parameters.items():
            parameter.copy_(weights[name])
        self.publish()
