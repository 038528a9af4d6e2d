"""The LoRA on a frozen transformer: putting it on, reading it, averaging it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from peft import LoraConfig, inject_adapter_in_model
from torch import Tensor, nn

from ...config import TrainingConfig

_ADAPTER = "default"


class Adapter:
    """The trained parameters by their names in the transformer, always fp32, and their moving average."""

    def __init__(self, transformer: nn.Module, config: TrainingConfig, targets: list[str]) -> None:
        torch.manual_seed(config.seed)  # the only draw that is not from (seed, step, index)
        inject_adapter_in_model(
            LoraConfig(
                r=config.rank, lora_alpha=config.alpha, lora_dropout=config.lora_dropout, target_modules=targets
            ),
            transformer,
            adapter_name=_ADAPTER,
        )
        self._transformer = transformer
        self.scale = config.alpha / config.rank
        self.parameters: dict[str, nn.Parameter] = {}
        for name, parameter in transformer.named_parameters():
            trained = f".{_ADAPTER}." in name
            parameter.requires_grad_(trained)
            if trained:
                parameter.data = parameter.data.float()
                self.parameters[name.replace(f".{_ADAPTER}.", ".")] = parameter
        self._decay = config.ema_decay
        self.average: dict[str, Tensor] = {}

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

    def state(self) -> dict[str, dict[str, Tensor]]:
        """What a checkpoint must hold to go on."""
        return {
            "trained": {name: parameter.detach().cpu() for name, parameter in self.parameters.items()},
            "average": {name: tensor.cpu() for name, tensor in self.average.items()},
        }

    def load_state(self, state: dict[str, dict[str, Tensor]]) -> None:
        """Takes up a checkpoint's weights. Raises KeyError if it belongs to another LoRA."""
        self._copy_in({name: state["trained"][name] for name in self.parameters})
        if self.average and state["average"]:
            for name, tensor in self.average.items():
                tensor.copy_(state["average"][name])

    @torch.no_grad()
    def _copy_in(self, weights: dict[str, Tensor]) -> None:
        for name, parameter in self.parameters.items():
            parameter.copy_(weights[name])
