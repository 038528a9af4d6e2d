"""Our own loop's work on a GPU: milliseconds a step, peak memory beside the estimate, losses in each number format."""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

import torch
from torch import Tensor, nn

from ..trainer.backends.native.adapter import Adapter
from ..trainer.backends.native.attention import attention
from ..trainer.backends.native.compiled import Compiler
from ..trainer.backends.native.fitting import build, features, free_memory
from ..trainer.backends.native.optimizers import make_optimizer
from ..trainer.config import TrainingConfig
from ..trainer.memory_plan import choose_plan
from .gpu_common import FAMILY, batch_of, config_of, dtype_of, figures_of, losses_of, moment, the_device


def measure_step(options: argparse.Namespace) -> dict[str, Any]:
    """Milliseconds a step of our own loop's work, peak memory, and the estimate."""
    device = the_device()
    config = config_of(options)
    free = _cap(options.child.get("card"), device)
    plan = choose_plan(config, free, features(device), on_gpu=device.type == "cuda")
    begun = time.perf_counter()
    compiler = Compiler(lambda text: print(text, file=sys.stderr), sizes=1) if options.compile == "on" else None
    transformer, adapter = build(config, FAMILY, plan, device, dtype_of(device), compiler=compiler)
    loaded = time.perf_counter() - begun
    with attention(options.attention, device):
        seconds, first, _ = _train(config, transformer, adapter, options.steps, device)
    return {
        **figures_of(seconds, first, config, device),
        "load_s": round(loaded, 2),
        "plan": plan.as_dict(),
        "estimated_bytes": plan.need.total if options.model.is_file() else None,  # it is of the true shape
    }


def measure_curve(options: argparse.Namespace) -> dict[str, Any]:
    """Losses of the same steps in one format."""
    device = the_device()
    config = config_of(options)
    plan = choose_plan(config, free_memory(device), features(device), on_gpu=device.type == "cuda")
    transformer, adapter = build(config, FAMILY, plan, device, dtype_of(device))
    _, _, losses = _train(config, transformer, adapter, max(options.steps, 10), device)
    return {"losses": [round(loss, 6) for loss in losses]}


def _train(
    config: TrainingConfig, transformer: nn.Module, adapter: Adapter, steps: int, device: torch.device
) -> tuple[list[float], float, list[float]]:
    """Seconds of each measured step, of the first one (compiling is in it), and all losses.

    Batches are made beforehand. The clock is read with the device idle, before and after all measured steps together,
    as nothing in a step waits for it.
    """
    optimizer = make_optimizer(config, adapter.parameters)
    batches = [batch_of(config, number, device, transformer) for number in range(steps + 3)]
    losses: list[Tensor] = []

    def step(number: int) -> None:
        loss = losses_of(transformer, batches[number])
        loss.mean().backward()
        adapter.collect()
        torch.nn.utils.clip_grad_norm_(adapter.parameters.values(), config.max_grad_norm)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        adapter.publish()
        losses.append(loss.detach().mean())

    began = moment(device)
    step(0)
    first = moment(device) - began
    for number in (1, 2):  # the allocator and the optimizer settle
        step(number)
    began = moment(device)
    for number in range(3, steps + 3):
        step(number)
    each = (moment(device) - began) / steps
    return [each], first, torch.stack(losses).tolist()


def _cap(card: int | None, device: torch.device) -> int | None:
    """Holds this process to what a desktop leaves free of such a card. Returns the free bytes."""
    if card is None or device.type != "cuda":
        return None if card is None else round(card * 1e9 * 0.94)
    total = torch.cuda.mem_get_info(device)[1]
    torch.cuda.set_per_process_memory_fraction(min(1.0, card * 1e9 * 0.94 / total), device)
    return free_memory(device)
