"""What the GPU measurements share: the training's settings, its batches, the clock and the memory."""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import torch
from torch import Tensor, nn

from ..trainer.config import BaseFiles, TrainingConfig
from ..trainer.families import load_family

FAMILY = load_family("flux1-dev")


def config_of(options: argparse.Namespace) -> TrainingConfig:
    """The settings that one measurement trains with."""
    task = options.child
    return TrainingConfig(
        name="Bench",
        trigger_word="ohwx",
        family="flux1-dev",
        base=BaseFiles(transformer=str(options.model)),
        base_weights=task.get("form", "auto"),
        resolutions=(task["side"],),
        batch_size=task["batch"],
        max_text_tokens=options.text,
        attention=options.attention,
        sample_every=0,
    )


def batch_of(config: TrainingConfig, number: int, device: torch.device, transformer: nn.Module) -> tuple[Any, ...]:
    """Random latents, noise, noise levels and words, the same for the same number."""
    draw = torch.Generator().manual_seed(number)
    shape: Any = transformer.config
    count, side = config.batch_size, config.resolutions[0] // 8

    def random(*size: int) -> Tensor:
        return torch.randn(*size, generator=draw)

    words = {
        "text": random(count, config.max_text_tokens, shape.joint_attention_dim).to(device, dtype_of(device)),
        "pooled": random(count, shape.pooled_projection_dim).to(device, dtype_of(device)),
    }
    latents, noise = random(count, 16, side, side).to(device), random(count, 16, side, side).to(device)
    return latents, noise, torch.sigmoid(random(count)).to(device), words


def losses_of(transformer: nn.Module, batch: tuple[Any, ...]) -> Tensor:
    """The family's loss of each picture of a batch."""
    latents, noise, times, words = batch
    return FAMILY.loss(transformer, latents, noise, times, words, 1.0)


def figures_of(seconds: list[float], first: float, config: TrainingConfig, device: torch.device) -> dict[str, Any]:
    """What a table shows of some steps, and of the first one."""
    step = statistics.median(seconds)
    tokens = config.batch_size * ((config.resolutions[0] // 16) ** 2 + config.max_text_tokens)
    return {
        "step_ms": round(step * 1000, 2),
        "first_step_s": round(first, 2),
        "tokens_per_second": round(tokens / step),
        "peak_bytes": peak(device),
    }


def the_device() -> torch.device:
    """The first GPU, else the processor."""
    return torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")


def dtype_of(device: torch.device) -> torch.dtype:
    """The number format that the base model is loaded in."""
    return torch.bfloat16 if device.type == "cuda" else torch.float32


def moment(device: torch.device) -> float:
    """Seconds of a clock, read when the device is idle."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def peak(device: torch.device) -> int | None:
    """Most bytes that were reserved on the GPU; None on a processor, where they can't be told from the rest."""
    return int(torch.cuda.max_memory_reserved(device)) if device.type == "cuda" else None
