"""Optimizers by name, and the learning rate of a step."""

from __future__ import annotations

import importlib
import importlib.util
import math
from collections.abc import Iterable

import torch

from ....errors import IsengardError
from ...config import TrainingConfig

_PACKAGES = {"adamw8bit": "bitsandbytes", "prodigy": "prodigyopt"}
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


def make_optimizer(config: TrainingConfig, parameters: Iterable[torch.nn.Parameter]) -> torch.optim.Optimizer:
    """The optimizer of the config over fp32 parameters; AdamW is fused where torch has that for the device."""
    check_optimizer(config.optimizer)
    parameters = list(parameters)
    common = {"lr": config.learning_rate, "weight_decay": config.weight_decay}
    if config.optimizer == "adamw":
        fused = parameters[0].device.type in ("cuda", "cpu", "mps")
        return torch.optim.AdamW(parameters, **common, betas=(0.9, 0.99), fused=fused)
    if config.optimizer == "adafactor":
        return torch.optim.Adafactor(parameters, **common)
    module = importlib.import_module(_PACKAGES[config.optimizer])
    if config.optimizer == "prodigy":
        made = module.Prodigy(parameters, **common, betas=(0.9, 0.99), use_bias_correction=True, safeguard_warmup=True)
    else:
        made = module.optim.AdamW8bit(parameters, **common, betas=(0.9, 0.99))
    assert isinstance(made, torch.optim.Optimizer)
    return made


def learning_rate(config: TrainingConfig, step: int) -> float:
    """Learning rate of step 1…config.steps: linear warm-up, then constant, or cosine or linear down to a tenth."""
    if step <= config.warmup_steps:
        return config.learning_rate * step / (config.warmup_steps + 1)
    if config.schedule == "constant":
        return config.learning_rate
    gone = (step - config.warmup_steps) / max(1, config.steps - config.warmup_steps)
    left = 1.0 - gone if config.schedule == "linear" else 0.5 * (1.0 + math.cos(math.pi * gone))
    return config.learning_rate * (FINAL_SHARE + (1.0 - FINAL_SHARE) * left)
