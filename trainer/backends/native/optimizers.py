"""Optimizers by name, and the learning rate of a step."""

from __future__ import annotations

import importlib
import importlib.util
import math
from collections.abc import Mapping
from typing import Any

import torch

from ....errors import IsengardError
from ...config import TrainingConfig

_PACKAGES = {"adamw8bit": "bitsandbytes", "prodigy": "prodigyopt"}
_RATIO = "ratio"
FINAL_SHARE = 0.1
"""Share of the peak learning rate that cosine and linear schedules end at."""


def check_optimizer(name: str) -> None:
    """Raises PACKAGE_MISSING if the optimizer's package is not installed."""
    package = _PACKAGES.get(name)
    if package and importlib.util.find_spec(package) is None:
        raise IsengardError(
            "PACKAGE_MISSING",
            f"The optimizer {name} needs the package {package}, which is not installed.",
            hint=f"Install {package} into the Python that runs Isengard, or choose the optimizer adamw.",
        )


def make_optimizer(config: TrainingConfig, parameters: Mapping[str, torch.nn.Parameter]) -> torch.optim.Optimizer:
    """The optimizer of the config over fp32 parameters; AdamW is fused where torch has that for the device."""
    check_optimizer(config.optimizer)
    groups = _groups(config, parameters)
    common = {"lr": config.learning_rate, "weight_decay": config.weight_decay}
    if config.optimizer == "adamw":
        fused = next(iter(parameters.values())).device.type in ("cuda", "cpu", "mps")
        return torch.optim.AdamW(groups, **common, betas=(0.9, 0.99), fused=fused)
    if config.optimizer == "adafactor":
        return torch.optim.Adafactor(groups, **common)
    module = importlib.import_module(_PACKAGES[config.optimizer])
    if config.optimizer == "prodigy":
        made = module.Prodigy(groups, **common, betas=(0.9, 0.99), use_bias_correction=True, safeguard_warmup=True)
    else:
        made = module.optim.AdamW8bit(groups, **common, betas=(0.9, 0.99))
    assert isinstance(made, torch.optim.Optimizer)
    return made


def _groups(config: TrainingConfig, parameters: Mapping[str, torch.nn.Parameter]) -> list[dict[str, Any]]:
    """One group; with a LoRA+ ratio A and B in groups of their own (Hayou et al. 2024, LoRA+)."""
    if config.lora_plus_ratio == 1:
        return [{"params": list(parameters.values())}]
    first = [parameter for name, parameter in parameters.items() if ".lora_A." in name]
    second = [parameter for name, parameter in parameters.items() if ".lora_A." not in name]
    return [{"params": first}, {"params": second, _RATIO: config.lora_plus_ratio}]


def take_up(optimizer: torch.optim.Optimizer, state: dict[str, Any], config: TrainingConfig) -> None:
    """Goes on from a checkpoint with the settings of now: torch would take its weight decay from there, too.

    Raises what torch raises for the state of another optimizer.
    """
    optimizer.load_state_dict(state)
    for group in optimizer.param_groups:
        group["weight_decay"] = config.weight_decay


def set_learning_rate(optimizer: torch.optim.Optimizer, config: TrainingConfig, step: int) -> None:
    """Gives every group its learning rate for step 1…config.steps."""
    rate = learning_rate(config, step)
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get(_RATIO, 1.0)


def learning_rate(config: TrainingConfig, step: int) -> float:
    """Learning rate of step 1…config.steps: linear warm-up, then constant, or cosine or linear down to a tenth."""
    if step <= config.warmup_steps:
        return config.learning_rate * step / (config.warmup_steps + 1)
    if config.schedule == "constant":
        return config.learning_rate
    gone = (step - config.warmup_steps) / max(1, config.steps - config.warmup_steps)
    left = 1.0 - gone if config.schedule == "linear" else 0.5 * (1.0 + math.cos(math.pi * gone))
    return config.learning_rate * (FINAL_SHARE + (1.0 - FINAL_SHARE) * left)
