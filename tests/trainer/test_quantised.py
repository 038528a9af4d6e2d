"""Layers in fewer bits: as exact as their format allows, gradient to the input alone, nothing of the input kept."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from isengard.errors import IsengardError
from isengard.trainer import quantised
from isengard.trainer.quantised import FORMATS, QuantisedLinear, fp8, int8, is_linear, quantise_layer
from isengard.trainer.quantised.layer import works
from isengard.trainer.quantised.nf4 import check_nf4

HAS_NF4 = importlib.util.find_spec("bitsandbytes") is not None
FORMS = [
    pytest.param(form, marks=pytest.mark.skipif(form == "nf4" and not HAS_NF4, reason="bitsandbytes is not installed"))
    for form in FORMATS
]
ERRORS = {"fp8": 0.03, "int8": 0.015, "nf4": 0.11}
"""Relative error of a weight; a product of many has about the same, and one more for an input in the same format."""
MODULES = {"fp8": fp8, "int8": int8}


def as_on_a_gpu(made: QuantisedLinear) -> QuantisedLinear:
    """Takes the products that a GPU takes: torch has both kernels for the processor, too."""
    made.native = True
    return made


def layer(inputs: int = 96, outputs: int = 160, bias: bool = True, outlier: float = 0.7) -> nn.Linear:
    """A layer with one weight that lies far outside of the others."""
    torch.manual_seed(1)
    made = nn.Linear(inputs, outputs, bias=bias).requires_grad_(False).bfloat16()
    made.weight[3, 5] = outlier
    return made


def through(module: nn.Module, values: Tensor) -> tuple[Tensor, Tensor]:
    """Output, and the gradient of the input for a gradient that is the same each time."""
    values = values.clone().requires_grad_()
    made = module(values)
    torch.manual_seed(2)
    made.backward(torch.randn(made.shape).to(made.dtype))
    assert values.grad is not None
    return made.detach().float(), values.grad.float()


def off(ours: Tensor, theirs: Tensor) -> float:
    return ((ours - theirs).norm() / theirs.norm()).item()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("shape", [(2, 40, 96), (1, 96), (96,)], ids=["tokens", "one row", "no batch"])
def test_output_and_gradient_have_the_formats_error(form: str, shape: tuple[int, ...]) -> None:
    values = torch.randn(shape, dtype=torch.bfloat16)
    plain = layer(outlier=0.0) if form == "nf4" else layer()
    for ours, theirs in zip(through(quantise_layer(plain, form), values), through(plain, values), strict=True):
        assert ours.shape == theirs.shape
        assert 0 < off(ours, theirs) < 1.5 * ERRORS[form]


@pytest.mark.parametrize("both_ways", [False, True])
@pytest.mark.parametrize("form", ["fp8", "int8"])
@pytest.mark.parametrize("rows", [40, 1])
def test_the_product_that_a_gpu_makes_is_as_exact(form: str, rows: int, both_ways: bool) -> None:
    """Inputs and gradients are quantised, too, row by row; a row of large numbers does not blur the others."""
    values = torch.randn(rows, 96, dtype=torch.bfloat16)
    values[0] *= 1000
    plain = layer()
    made = quantise_layer(plain, form, both_ways=both_ways)
    found = through(as_on_a_gpu(made), values)
    for ours, theirs in zip(found, through(plain, values), strict=True):
        for row in range(rows):
            assert 0 < off(ours[row], theirs[row]) < 2.5 * ERRORS[form], row


@pytest.mark.parametrize("form", ["fp8", "int8"])
def test_rows_of_zeros_stay_zeros(form: str) -> None:
    """Padding and the first step's gradients are zeros: nothing is divided by nothing."""
    made = quantise_layer(layer(bias=False), form)
    output, gradient = through(as_on_a_gpu(made), torch.zeros(20, 96, dtype=torch.bfloat16))
    assert not output.any()
    assert gradient.isfinite().all()


@pytest.mark.parametrize("form", FORMS)
def test_nothing_of_the_input_is_kept_for_the_backward_pass(form: str) -> None:
    """Only the layer's own tensors: the weight is neither widened nor copied for it."""
    made = quantise_layer(layer(), form)
    kept: list[Tensor] = []
    values = torch.randn(30, 96, dtype=torch.bfloat16, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor) or tensor, lambda tensor: tensor):
        made(values)
    own = {buffer.data_ptr() for buffer in made.buffers()}
    assert kept
    assert all(tensor.data_ptr() in own for tensor in kept)
    assert not list(made.parameters()), "nothing in it can be trained"


@pytest.mark.parametrize(
    ("form", "share"), [("fp8", 0.5), ("int8", 0.5), pytest.param("nf4", 0.3, marks=FORMS[2].marks)]
)
def test_a_weight_takes_its_share_of_the_memory(form: str, share: float) -> None:
    plain = layer(1024, 1024, bias=False)
    made = quantise_layer(plain, form)
    size = sum(buffer.nbytes for buffer in made.buffers())
    assert size < (share + 0.01) * plain.weight.nbytes
    if form != "nf4":
        twice = quantise_layer(plain, form, both_ways=True)
        assert sum(buffer.nbytes for buffer in twice.buffers()) - size == plain.weight.numel()


@pytest.mark.parametrize("scaled", [False, True], ids=["plain fp8 file", "scaled fp8 file"])
def test_numbers_that_were_fp8_before_stay_what_they_are(scaled: bool) -> None:
    """The base model's own fp8 files lose nothing more, whichever of the two kinds they are."""
    torch.manual_seed(3)
    drawn = torch.randn(64, 64) * 0.02
    scale = drawn.abs().max() / 448 if scaled else torch.tensor(1.0)
    kept = ((drawn / scale).to(torch.float8_e4m3fn).float() * scale).bfloat16()
    plain = nn.Linear(64, 64, bias=False).bfloat16().requires_grad_(False)
    plain.weight.copy_(kept)
    wide = quantise_layer(plain, "fp8").widened(torch.float32)
    within = kept.abs() > 2**-6 * kept.abs().max() / 448  # below, e4m3 has no full precision
    assert off(wide[within], kept.float()[within]) < 3e-3


class Seen(TorchDispatchMode):
    """Notes every call and the largest tensor that came out of one."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self.largest: dict[torch.dtype, int] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        self.calls.append((func.overloadpacket.__name__, args, kwargs or {}))
        if isinstance(made, Tensor) and made._base is None:
            self.largest[made.dtype] = max(self.largest.get(made.dtype, 0), made.numel())
        return made


@pytest.mark.parametrize("both_ways", [False, True])
def test_e4m3_products_are_asked_for_as_every_gpu_and_system_takes_them(both_ways: bool) -> None:
    """One scale a factor in fp32, the left factor in rows, the right one in columns, sides in sixteens. Kernels with a
    scale a row are missing in torch for Windows and on several chips."""
    made = as_on_a_gpu(quantise_layer(layer(), "fp8", both_ways=both_ways))
    for rows in (40, 17, 1):
        values = torch.randn(rows, 96, dtype=torch.bfloat16, requires_grad=True)
        with Seen() as seen:
            made(values).backward(torch.randn(160, rows, dtype=torch.bfloat16).t())
        asked = [args for name, args, _ in seen.calls if name == "_scaled_mm"]
        assert len(asked) == 2, "forward and backward"
        for left, right, *scales in asked:
            assert left.dtype == right.dtype == torch.float8_e4m3fn
            assert left.stride() == (left.shape[1], 1)
            assert right.stride() == (1, right.shape[0])
            assert not any(side % 16 for side in (left.shape[1], *right.shape))
            for scale in scales[:2]:
                assert (scale.numel(), scale.dtype) == (1, torch.float32)


@pytest.mark.parametrize("form", ["fp8", "int8"])
def test_where_a_weight_is_widened_it_is_widened_once_and_no_further_than_the_values(form: str) -> None:
    """An RTX 30 has no e4m3 products and little memory: four bytes a number would be half a gigabyte at times."""
    made = quantise_layer(layer(512, 512, bias=False), form)
    values = torch.randn(4, 512, dtype=torch.bfloat16, requires_grad=True)
    with Seen() as seen:
        made(values).backward(torch.randn(4, 512, dtype=torch.bfloat16))
    assert seen.largest[torch.bfloat16] == 512 * 512
    assert seen.largest.get(torch.float32, 0) <= 4 * 512


@pytest.mark.parametrize("problem", [RuntimeError("not compiled"), TypeError("what is scale_a?")])
def test_a_product_that_fails_or_is_wrong_is_not_relied_on(problem: Exception) -> None:
    def fails() -> Tensor:
        raise problem

    assert not works(fails, 1.0)
    assert not works(lambda: torch.tensor([1.0, 2.0]), 1.0)
    assert works(lambda: torch.tensor([1.0, 1.0]), 1.0)


def test_a_layer_waits_for_its_weight_and_bias_and_refuses_others() -> None:
    made = quantised.make_layer("fp8", 32, 16, bias=True)
    assert is_linear(made)
    assert not made.complete
    with pytest.raises(ValueError, match=r"\(16, 16\) for 16 × 32"):
        made.take_weight(torch.zeros(16, 16), torch.device("cpu"))
    made.take_weight(torch.randn(16, 32), torch.device("cpu"))
    assert not made.complete
    with pytest.raises(ValueError, match="for 16 outputs"):
        made.take_bias(torch.zeros(32))
    made.take_bias(torch.zeros(16))
    assert made.complete


def test_sides_that_the_kernels_do_not_take_are_multiplied_all_the_same() -> None:
    """Embedders of small models are 24 wide; a GPU's kernels want multiples of 16."""
    plain = nn.Linear(24, 20).requires_grad_(False)
    values = torch.randn(5, 24)
    for form in ("fp8", "int8"):
        assert off(through(quantise_layer(plain, form), values)[0], through(plain, values)[0]) < 2 * ERRORS[form]
        assert not MODULES[form].multiplies(torch.device("cuda"), (20, 24))


@pytest.mark.skipif(HAS_NF4, reason="bitsandbytes is installed")
def test_without_bitsandbytes_nf4_says_what_is_missing() -> None:
    with pytest.raises(IsengardError, match="bitsandbytes, which is not installed") as caught:
        check_nf4()
    assert caught.value.code == "PACKAGE_MISSING"
    made: QuantisedLinear = quantised.make_layer("nf4", 64, 64, bias=False)
    with pytest.raises(IsengardError, match="not installed"):
        made.take_weight(torch.randn(64, 64), torch.device("cpu"))
