"""Which of torch's attention kernels is used."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

_KERNELS = {
    "cudnn": SDPBackend.CUDNN_ATTENTION,
    "flash": SDPBackend.FLASH_ATTENTION,
    "efficient": SDPBackend.EFFICIENT_ATTENTION,
    "plain": SDPBackend.MATH,
}
_HOPPER = (9, 0)


def attention(wanted: str, device: torch.device) -> AbstractContextManager[None]:
    """A context in which that kernel is tried first, and the others where it can't serve.

    `auto` takes cuDNN's from Hopper on, whose kernels are written for it, and torch's own choice elsewhere.
    """
    if wanted == "auto":
        if device.type != "cuda" or torch.cuda.get_device_capability(device) < _HOPPER:
            return nullcontext()
        wanted = "cudnn"
    first = _KERNELS[wanted]
    order = [first, *(kernel for kernel in _KERNELS.values() if kernel != first)]
    chosen: AbstractContextManager[None]
    try:
        chosen = sdpa_kernel(order, set_priority=True)
    except TypeError:  # older torch knows no order
        chosen = nullcontext()
    return chosen
