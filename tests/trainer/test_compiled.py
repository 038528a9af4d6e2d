"""Compiled blocks: the same training, few graphs for many sizes, and plain blocks where compiling fails."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from diffusers import FluxTransformer2DModel
from torch import nn

from isengard.trainer.backends.native.adapter import Adapter
from isengard.trainer.backends.native.blocks import arrange
from isengard.trainer.backends.native.compiled import Compiler, can_compile
from isengard.trainer.config import TrainingConfig
from isengard.trainer.families import load_family
from isengard.trainer.quantised import quantise_layer

FAMILY = load_family("flux1-dev")
SHAPE: dict[str, Any] = {
    "num_layers": 1, "num_single_layers": 2, "attention_head_dim": 16, "num_attention_heads": 2,
    "joint_attention_dim": 24, "pooled_projection_dim": 20, "guidance_embeds": True, "axes_dims_rope": (4, 6, 6),
}  # fmt: skip
SIDES = (4, 6, 8, 10)


def train(
    compiler: Compiler | None,
    recomputed: set[int] = frozenset(),  # type: ignore[assignment]
    swapped: Sequence[int] = (),
    form: str = "full",
    **shape: int,
) -> tuple[list[float], list[int]]:
    """Losses of steps with pictures of several sizes, and how many graphs there were after each."""
    from torch._dynamo.utils import counters

    torch._dynamo.reset()
    counters.clear()
    torch.manual_seed(0)
    model: nn.Module = FluxTransformer2DModel(**{**SHAPE, **shape}).requires_grad_(False)
    for name, layer in list(model.named_modules()) if form != "full" else ():
        if isinstance(layer, nn.Linear) and "blocks." in name:
            parent, _, last = name.rpartition(".")
            setattr(model.get_submodule(parent), last, quantise_layer(layer, form))
    config = TrainingConfig(name="Ada", trigger_word="ohwx", rank=4, alpha=4.0, sample_every=0)
    adapter = Adapter(model, config, FAMILY.lora_targets(model, "all-linear"))
    blocks = list(FAMILY.blocks(model).values())
    arrange(blocks, recomputed=recomputed, swapped=list(swapped), device=torch.device("cpu"), compiled=compiler)
    optimizer = torch.optim.SGD(adapter.parameters.values(), lr=0.1)
    losses, graphs = [], []
    for side in SIDES:
        latents, noise = torch.randn(1, 16, side, side), torch.randn(1, 16, side, side)
        words = {"text": torch.randn(1, 5, 24), "pooled": torch.randn(1, 20)}
        loss = FAMILY.loss(model.train(), latents, noise, torch.tensor([0.6]), words, 1.0).mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        graphs.append(counters["stats"]["unique_graphs"])
    return losses, graphs


@pytest.mark.slow
@pytest.mark.parametrize("recomputed", [set(), {0, 2}], ids=["kept", "recomputed"])
def test_compiled_blocks_train_alike_and_new_sizes_need_no_new_graphs(recomputed: set[int]) -> None:
    told: list[str] = []
    plain, none = train(None, recomputed)
    quick, graphs = train(Compiler(told.append, sizes=len(SIDES), backend="aot_eager"), recomputed)
    assert told == []
    assert quick == pytest.approx(plain, rel=1e-5)
    assert none[-1] == 0 < graphs[0]
    assert graphs[-1] == graphs[1], "after two sizes there is nothing left to compile"


@pytest.mark.slow
@pytest.mark.parametrize("form", ["full", "fp8", "int8"])
def test_swapped_and_quantised_blocks_are_compiled_once_for_all_of_a_kind(form: str) -> None:
    """Weights change their place under a compiled block's feet, which must be no reason to compile it again."""
    told: list[str] = []
    single: dict[str, Any] = {"swapped": (0, 1, 2), "form": form, "num_layers": 0, "num_single_layers": 3}
    plain, _ = train(None, **single)
    quick, graphs = train(Compiler(told.append, sizes=len(SIDES), backend="aot_eager"), **single)
    assert told == []
    assert quick == pytest.approx(plain, rel=1e-5)
    assert graphs[0] > 0
    assert graphs[-1] == graphs[1], "after two sizes there is nothing left to compile"


def test_where_compiling_fails_the_plain_blocks_run_and_it_is_told_once() -> None:
    def broken(_graph: object, _inputs: object) -> Any:
        raise ValueError("no compiler here")

    told: list[str] = []
    plain, _ = train(None)
    quick, _ = train(Compiler(told.append, sizes=1, backend=broken))
    assert quick == plain
    assert len(told) == 1
    assert told[0].startswith("The blocks could not be compiled and run as they are, which is slower: ")


@pytest.mark.slow
def test_a_kind_of_block_that_can_not_be_compiled_spoils_no_other_that_was() -> None:
    """What ran compiled in the forward pass is recomputed compiled in the backward pass of the same step."""
    from torch._dynamo.backends.debugging import aot_eager

    graphs = 0

    def second_fails(graph: torch.fx.GraphModule, inputs: Any) -> Any:
        nonlocal graphs
        graphs += 1
        if graphs > 1:
            raise ValueError("too large for this GPU")
        return aot_eager(graph, inputs)

    told: list[str] = []
    plain, _ = train(None, {0, 1, 2})
    quick, _ = train(Compiler(told.append, sizes=1, backend=second_fails), {0, 1, 2})
    assert quick == pytest.approx(plain, rel=1e-5)
    assert len(told) == 1
    assert graphs > 1


@pytest.mark.parametrize(
    ("chip", "base_weights", "newer_torch", "can"),
    [
        ((8, 6), "full", False, True),
        ((8, 6), "int8", False, True),
        ((8, 6), "fp8", False, False),
        ((8, 6), "fp8", True, True),
        ((8, 9), "fp8", False, True),
    ],
)
def test_on_an_older_gpu_fp8_is_compiled_only_where_torch_knows_how(
    chip: tuple[int, int], base_weights: str, newer_torch: bool, can: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the compiler would work for a minute and refuse, in each training anew."""
    from torch._inductor import utils

    monkeypatch.setattr("torch.utils._triton.has_triton", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _device: chip)
    if newer_torch:
        monkeypatch.setattr(utils, "is_triton_fp8_dtype_supported", print, raising=False)
    else:
        monkeypatch.delattr(utils, "is_triton_fp8_dtype_supported", raising=False)
    assert can_compile(torch.device("cuda", 0), base_weights) is can
    assert not can_compile(torch.device("cpu"), base_weights)


def test_an_older_torch_without_all_settings_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """ComfyUI runs on a torch from before 2.8, too."""
    refuses_new_names = type("Settings", (), {"__slots__": ()})
    monkeypatch.setattr("torch._functorch.config", refuses_new_names())
    Compiler(print, sizes=1, backend="eager")


def test_a_full_memory_is_no_failure_to_compile() -> None:
    """It must reach whoever says which setting to lower."""

    def full(graph: torch.fx.GraphModule, _inputs: object) -> Any:
        def run(*_args: Any) -> Any:
            raise torch.OutOfMemoryError("full")

        return run

    told: list[str] = []
    with pytest.raises(torch.OutOfMemoryError):
        train(Compiler(told.append, sizes=1, backend=full))
    assert told == []
