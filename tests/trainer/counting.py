"""Counts what a training step holds in memory, byte by byte, without having it: shapes without numbers."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from isengard.trainer.backends.native.adapter import Adapter
from isengard.trainer.backends.native.blocks import arrange
from isengard.trainer.config import TrainingConfig
from isengard.trainer.families import load_family
from isengard.trainer.memory_need import spread
from isengard.trainer.quantised import fp8, int8, quantise_layer

FAMILY = load_family("flux1-dev")


class Live(TorchDispatchMode):
    """Follows every storage from its making to its end."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.peak = 0
        self._known: set[int] = set()

    def see(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self._known:
            return
        self._known.add(key)
        size = storage.nbytes()
        self.now += size
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._gone, key, size)

    def _gone(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.now -= size

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(made):
            if isinstance(leaf, Tensor):
                self.see(leaf)
        return made


@contextmanager
def counted() -> Iterator[Live]:
    """Everything inside has shapes only."""
    live = Live()
    with FakeTensorMode(allow_non_fake_inputs=True), live:
        yield live


def flux(doubles: int, singles: int) -> nn.Module:
    """FLUX of true width in bf16."""
    from diffusers import FluxTransformer2DModel

    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        made: nn.Module = FluxTransformer2DModel(
            num_layers=doubles, num_single_layers=singles, guidance_embeds=True
        ).requires_grad_(False)
    finally:
        torch.set_default_dtype(before)
    return made


def batch(config: TrainingConfig) -> tuple[Any, ...]:
    """What a step of the largest pictures takes."""
    count, side = config.batch_size, max(config.resolutions) // 8
    words = {
        "text": torch.zeros(count, config.max_text_tokens or FAMILY.text_tokens, 4096, dtype=torch.bfloat16),
        "pooled": torch.zeros(count, 768, dtype=torch.bfloat16),
    }
    return torch.zeros(count, 16, side, side), torch.zeros(count, 16, side, side), torch.zeros(count), words


def peak_of_training(
    config: TrainingConfig, doubles: int, singles: int, *, form: str, recomputed: int, swapped: int, native: bool = True
) -> int:
    """The most bytes that a step holds on the device, optimizer included; a swapped block counts by its two places."""
    with counted() as live, _as_on_a_gpu(native):
        model = flux(doubles, singles)
        blocks = FAMILY.blocks(model)
        if form != "full":
            for name in blocks:
                _quantise(model.get_submodule(name), form)
        adapter = Adapter(model, config, FAMILY.lora_targets(model, config.targets), dtype=torch.bfloat16)
        away = spread(swapped, len(blocks))
        swap = arrange(
            list(blocks.values()), recomputed=set(spread(recomputed, len(blocks))), swapped=away,
            device=torch.device("cpu"),
        )  # fmt: skip
        elsewhere = sum(stored.room.numel() for stored in swap._stored) if swap else 0
        optimizer = torch.optim.AdamW(adapter.parameters.values(), lr=1e-4, foreach=False)
        live.peak = 0
        for _ in range(2):
            for _ in range(config.gradient_accumulation):
                losses = FAMILY.loss(model, *batch(config), 1.0)
                losses.mean().backward()
                del losses
                adapter.collect()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            adapter.publish()
    return live.peak - elsewhere


def _quantise(block: nn.Module, form: str) -> None:
    for name, module in list(block.named_modules()):
        if isinstance(module, nn.Linear):
            parent, _, last = name.rpartition(".")
            setattr(block.get_submodule(parent), last, quantise_layer(module, form))


@contextmanager
def _as_on_a_gpu(native: bool) -> Iterator[None]:
    """Products as a GPU makes them that multiplies the formats as they are, or as one that does not."""
    before: list[Callable[..., bool]] = [module.multiplies for module in (fp8, int8)]
    fp8.multiplies = int8.multiplies = lambda _device, _sides: native
    try:
        yield
    finally:
        fp8.multiplies, int8.multiplies = before
