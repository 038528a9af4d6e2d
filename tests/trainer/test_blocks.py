"""Recomputed and swapped blocks: the same losses and gradients, weights that are there when they are needed."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from diffusers import FluxTransformer2DModel
from torch import Tensor, nn

from isengard.trainer.backends.native.adapter import Adapter
from isengard.trainer.backends.native.blocks import arrange
from isengard.trainer.backends.native.swap import Swap
from isengard.trainer.config import TrainingConfig
from isengard.trainer.families import load_family
from isengard.trainer.memory_need import spread
from isengard.trainer.quantised import quantise_layer

FAMILY = load_family("flux1-dev")
SHAPE: dict[str, Any] = {
    "num_layers": 2, "num_single_layers": 4, "attention_head_dim": 16, "num_attention_heads": 2,
    "joint_attention_dim": 24, "pooled_projection_dim": 20, "guidance_embeds": True, "axes_dims_rope": (4, 6, 6),
}  # fmt: skip
BLOCKS = 6


class Log:
    """Traffic that notes what was asked of it, and spoils what is overwritten too early."""

    def __init__(self) -> None:
        self.copies = 0
        self.waits = 0

    def copy(self, target: Tensor, source: Tensor, *, after: Any) -> int:
        target.copy_(source)
        self.copies += 1
        return self.copies

    def wait(self, copied: Any) -> None:
        self.waits += 1

    def computed(self) -> None:
        """Nothing is under way."""


def made(targets: str = "all-linear", form: str = "full", dropout: float = 0.0) -> tuple[nn.Module, Adapter]:
    torch.manual_seed(0)
    model: nn.Module = FluxTransformer2DModel(**SHAPE).requires_grad_(False)
    if form != "full":
        for name, layer in list(model.named_modules()):
            if isinstance(layer, nn.Linear) and "blocks." in name:
                parent, _, last = name.rpartition(".")
                setattr(model.get_submodule(parent), last, quantise_layer(layer, form))
    config = TrainingConfig(
        name="Ada", trigger_word="ohwx", rank=4, alpha=4.0, lora_dropout=dropout, targets=targets, sample_every=0
    )
    adapter = Adapter(model, config, FAMILY.lora_targets(model, targets))
    with torch.no_grad():
        for parameter in adapter.parameters.values():
            parameter.normal_(std=0.05)
    return model.train(), adapter


def blocks_of(model: nn.Module) -> list[nn.Module]:
    return list(FAMILY.blocks(model).values())


def steps(model: nn.Module, adapter: Adapter, count: int = 3) -> list[Tensor]:
    """Losses and gradients of some steps with pictures of different sizes, and a picture in between."""
    optimizer = torch.optim.SGD(adapter.parameters.values(), lr=0.1)
    found = []
    for step in range(count):
        torch.manual_seed(step)
        side = (4, 6, 4)[step]
        latents, noise = torch.randn(2, 16, side, side), torch.randn(2, 16, side, side)
        words = {"text": torch.randn(2, 5, 24), "pooled": torch.randn(2, 20)}
        loss = FAMILY.loss(model, latents, noise, torch.rand(2), words, 1.0).mean()
        loss.backward()
        found += [loss.detach(), *(parameter.grad.clone() for parameter in adapter.parameters.values())]  # type: ignore[union-attr]
        optimizer.step()
        optimizer.zero_grad()
        if step == 1:
            with torch.no_grad():
                for _ in range(2):
                    found.append(FAMILY.velocity(model, latents, torch.rand(2), words, 3.5))  # type: ignore[attr-defined]
    return found


def same(ours: list[Tensor], theirs: list[Tensor]) -> bool:
    return all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))


@pytest.mark.parametrize(
    ("targets", "form", "recomputed", "swapped"),
    [
        *(("all-linear", "full", *way) for way in [(6, 0), (3, 0), (0, 1), (0, 2), (6, 3), (2, 4), (6, 6)]),
        *((targets, "full", *way) for targets in ("attention", "likeness-blocks") for way in [(3, 0), (2, 4)]),
        *(("all-linear", form, *way) for form in ("fp8", "int8") for way in [(3, 0), (2, 4)]),
    ],
)
def test_losses_and_gradients_are_the_same_bit_for_bit(targets: str, form: str, recomputed: int, swapped: int) -> None:
    """With pictures of several sizes, over several steps, and with samples in between."""
    model, adapter = made(targets, form)
    other, twin = made(targets, form)
    arrange(
        blocks_of(other), recomputed=set(spread(recomputed, BLOCKS)), swapped=spread(swapped, BLOCKS),
        device=torch.device("cpu"),
    )  # fmt: skip
    assert same(steps(other, twin), steps(model, adapter))


def test_what_is_random_inside_a_block_is_drawn_alike_again() -> None:
    """Dropout: without care the recomputation would see another network than the forward pass."""
    results = []
    for recomputed in (set(), set(range(BLOCKS))):
        model, adapter = made(dropout=0.5)
        arrange(blocks_of(model), recomputed=recomputed, swapped=[], device=torch.device("cpu"), random=True)
        results.append(steps(model, adapter))
    assert same(*results)


def test_recomputing_keeps_less() -> None:
    """Counted in bytes that autograd holds on to."""
    held = []
    for count in (0, 3, 6):
        model, _ = made()
        arrange(blocks_of(model), recomputed=set(spread(count, BLOCKS)), swapped=[], device=torch.device("cpu"))
        kept: dict[int, int] = {}

        def note(tensor: Tensor, kept: dict[int, int] = kept) -> Tensor:
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        words = {"text": torch.randn(1, 5, 24), "pooled": torch.randn(1, 20)}
        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            FAMILY.loss(model, torch.randn(1, 16, 8, 8), torch.randn(1, 16, 8, 8), torch.rand(1), words, 1.0)
        held.append(sum(kept.values()))
    assert held[0] > 1.5 * held[1] > 2 * held[2]


def _chain(count: int) -> list[nn.Module]:
    torch.manual_seed(0)
    return [nn.Linear(8, 8).requires_grad_(False) for _ in range(count)]


def test_the_next_blocks_are_sent_for_before_they_are_needed() -> None:
    """Over whole steps no block is brought that was not on its way already, forward and backward; each is copied once
    a pass, but for the two at the turn, which are still there."""
    count, traffic = 6, Log()
    swap = Swap(_chain(count), torch.device("cpu"), 0, traffic)
    for step in range(3):
        before = traffic.copies
        for block in range(count):
            ready = traffic.copies
            swap.bring(block)
            assert traffic.copies == ready, f"block {block} was not on its way in the forward pass of step {step}"
            swap.left_forward(block, backward_follows=True)
        for block in reversed(range(count)):
            ready = traffic.copies
            swap.bring(block)
            assert traffic.copies == ready, f"block {block} was not on its way in the backward pass of step {step}"
            swap.left_backward(block)
        assert traffic.copies - before == 2 * (count - 2)
    for block in (*range(count), *range(count)):  # sampling: forward passes alone
        ready = traffic.copies
        swap.bring(block)
        assert traffic.copies == ready
        swap.left_forward(block, backward_follows=False)


class Clock:
    """Traffic whose copies run as early as they may, beside everything that is computed."""

    def __init__(self) -> None:
        self.now = 0
        self._used: dict[int, int] = {}

    def compute(self, weight: Tensor) -> None:
        self.now += 1
        self._used[weight.untyped_storage().data_ptr()] = self.now

    def copy(self, target: Tensor, source: Tensor, *, after: int) -> None:
        assert self._used.get(target.untyped_storage().data_ptr(), 0) <= after, "overwritten while it was computed with"
        target.copy_(source)

    def wait(self, copied: Any) -> None:
        """A copy is done when it is begun."""

    def computed(self) -> int:
        return self.now


@pytest.mark.parametrize("first", [0, 1, 3, 5])
def test_no_block_is_overwritten_while_something_is_computed_with_it(first: int) -> None:
    """Nobody tells when the backward pass of the first trained block is over: no gradient leaves it. The next step may
    be asked for long before the device has come that far."""
    chain, clock = _chain(6), Clock()
    swap = Swap(chain, torch.device("cpu"), first, clock)
    for _ in range(3):
        for block in range(6):
            swap.bring(block)
            clock.compute(chain[block].weight)  # type: ignore[arg-type]
            swap.left_forward(block, backward_follows=True)
        for block in reversed(range(first, 6)):
            swap.bring(block)
            clock.compute(chain[block].weight)  # type: ignore[arg-type]
            clock.compute(chain[block].weight)  # type: ignore[arg-type]
            if block != first:
                swap.left_backward(block)


def test_two_places_are_all_the_room_that_swapped_blocks_take() -> None:
    chain = _chain(6)
    swap = Swap(chain, torch.device("cpu"), 0)
    assert swap.device_bytes == 2 * (256 + 256)
    swap.bring(0)
    here = {place.room.data_ptr() for place in swap._places}
    assert chain[0].weight.untyped_storage().data_ptr() in here
    assert chain[5].weight.untyped_storage().data_ptr() not in here


def test_weights_come_whole_and_never_travel_back() -> None:
    """Whatever the order, a block that was brought has its own weights."""
    chain = _chain(5)
    wanted = [[tensor.clone() for tensor in block.parameters()] for block in chain]
    swap = Swap(chain, torch.device("cpu"), 0)
    for block in (0, 3, 1, 4, 4, 2, 0):
        swap.bring(block)
        assert all(torch.equal(*pair) for pair in zip(chain[block].parameters(), wanted[block], strict=True))
        swap.left_forward(block, backward_follows=True)
    assert all(
        torch.equal(*pair) for block in range(5) for pair in zip(chain[block].parameters(), wanted[block], strict=True)
    )


def test_what_is_trained_is_never_swapped() -> None:
    """The LoRA stays where it is: the optimizer holds its tensors."""
    model, adapter = made()
    homes = {name: parameter.data_ptr() for name, parameter in adapter.parameters.items()}
    arrange(blocks_of(model), recomputed=set(), swapped=list(range(BLOCKS)), device=torch.device("cpu"))
    steps(model, adapter)
    assert {name: parameter.data_ptr() for name, parameter in adapter.parameters.items()} == homes


@pytest.mark.parametrize("count", [0, 1, 2, 7, 56, 57, 99])
def test_blocks_are_spread_evenly(count: int) -> None:
    places = spread(count, 57)
    assert len(set(places)) == len(places) == min(count, 57)
    assert all(0 <= place < 57 for place in places)
    gaps = [after - before for before, after in pairwise(places)]
    assert not gaps or max(gaps) - min(gaps) <= 1
