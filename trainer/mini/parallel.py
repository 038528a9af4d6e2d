"""Lets several processes train one mini model together: each takes its part of every batch, and gradients are averaged.

Worth it even on one machine's processor: two processes of one thread each wait for one another once a step, two threads
at every operation. `torchrun --nproc-per-node 2 __main__.py mini build` starts it; without torchrun nothing here does
anything.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ... import settings


def join() -> tuple[int, int]:
    """Join the group that torchrun announced, if any. Returns this process's rank and how many there are."""
    world = settings.world_size()
    if world > 1 and not torch.distributed.is_initialized():
        torch.distributed.init_process_group("gloo")
    return settings.rank(), world


def average_gradients(parts: Iterable[nn.Module], world: int) -> None:
    """Replace every gradient by its mean over the processes (one exchange for all of them)."""
    if world == 1:
        return
    gradients: list[Tensor] = [p.grad for part in parts for p in part.parameters() if p.grad is not None]
    flat = torch.cat([g.reshape(-1) for g in gradients])
    torch.distributed.all_reduce(flat)
    flat /= world
    for gradient, mean in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(mean.view_as(gradient))


def wait_for_all(world: int) -> None:
    """Go on when every process has come here."""
    if world > 1:
        torch.distributed.barrier()
