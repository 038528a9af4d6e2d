"""Compiled blocks: one graph for all blocks of a kind, and the plain forward where compiling fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from ....sentences import Said
from ...memory_plan import FP8_FROM

Forward = Callable[..., Any]
_LIMIT = 64
"""Graphs for one kind of block: with and without a LoRA, and as many shapes as torch takes for different."""


class Compiler:
    """Makes compiled forwards. A failure is told once, and from then on the plain ones run, but for blocks that were
    compiled before: a backward pass may be waiting to run them again as they ran in its forward pass.

    With pictures of several sizes the number of tokens is left open from the start: a graph for each size would cost
    half a minute each, and torch gives up on a block after some.
    """

    def __init__(self, warn: Callable[[str], None], *, sizes: int, backend: str | Forward = "inductor") -> None:
        import torch._dynamo as dynamo
        import torch._functorch.config as functorch

        self._warn = warn
        self._open = sizes > 1
        self._backend = backend
        self._failed = False
        limit = "recompile_limit" if hasattr(dynamo.config, "recompile_limit") else "cache_size_limit"  # older torch
        setattr(dynamo.config, limit, max(getattr(dynamo.config, limit), _LIMIT))
        if hasattr(functorch, "force_non_lazy_backward_lowering"):  # newer torch only
            functorch.force_non_lazy_backward_lowering = True  # what fails, fails in the forward pass
        self._failures = _failures()

    def __call__(self, plain: Forward) -> Forward:
        chosen: Forward | None = None

        def run(*args: Any, **kwargs: Any) -> Any:
            nonlocal chosen
            if chosen is None:
                quick = torch.compile(plain, dynamic=self._open, backend=self._backend)
                chosen = plain if self._failed else quick
            if chosen is plain:
                return plain(*args, **kwargs)
            try:
                return chosen(*args, **kwargs)
            except self._failures as problem:
                chosen = plain
                self._tell(problem)
                return plain(*args, **kwargs)

        return run

    def _tell(self, problem: Exception) -> None:
        if self._failed:
            return
        self._failed = True
        first = str(problem).strip().splitlines()[0] if str(problem).strip() else type(problem).__name__
        text = f"The blocks could not be compiled and run as they are, which is slower: {first}"
        self._warn(Said("training.not_compiled", text))


def can_compile(device: torch.device, base_weights: str = "full") -> bool:
    """Whether compiled blocks can be hoped for: an NVIDIA GPU, and the compiler that torch brings for it on Linux.

    On chips before Ada that compiler refuses e4m3 weights, unless torch knows and reads them for it.
    """
    from torch.utils._triton import has_triton

    if device.type != "cuda" or not has_triton():
        return False
    return base_weights != "fp8" or torch.cuda.get_device_capability(device) >= FP8_FROM or _reads_fp8_itself()


def _reads_fp8_itself() -> bool:
    from torch._inductor import utils

    return hasattr(utils, "is_triton_fp8_dtype_supported")


def _failures() -> tuple[type[Exception], ...]:
    """What torch raises when it can't compile. A full memory is none of these."""
    from torch._dynamo.exc import TorchDynamoException

    return (TorchDynamoException,)
