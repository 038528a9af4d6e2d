"""FLUX.1's transformer is loaded from every layout that people have, whole or not at all."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from diffusers import FluxTransformer2DModel
from safetensors.torch import load_file, save_file

from isengard.errors import IsengardError
from isengard.tests.flux_files import as_fp8, as_scaled_fp8, prefixed, small_flux
from isengard.tests.trainer.flux_toys import TINY, config, tiny
from isengard.tests.trainer.model_headers import DEV, write
from isengard.trainer.families import load_family

__all__ = ["small_flux", "tiny"]
FAMILY = load_family("flux1-dev")


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever opens a connection fails."""

    def refuse(*_args: object, **_kwargs: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


def _load(path: Path, dtype: torch.dtype = torch.bfloat16) -> FluxTransformer2DModel:
    return FAMILY.load_transformer(config(transformer=str(path)), dtype)  # type: ignore[return-value]


@pytest.fixture(scope="module")
def loaded(small_flux: Path) -> FluxTransformer2DModel:
    """The small checkpoint's transformer in bf16."""
    return _load(small_flux)


@pytest.mark.slow
@pytest.mark.usefixtures("offline")
def test_a_single_file_becomes_the_transformer(small_flux: Path) -> None:
    """Number of blocks from the keys, every tensor in its place, frozen, without a network."""
    model, stored = _load(small_flux), load_file(small_flux)
    assert (model.config.num_layers, model.config.num_single_layers, model.config.guidance_embeds) == (1, 1, True)
    assert (model.dtype, model.training) == (torch.bfloat16, False)
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert sum(parameter.numel() for parameter in model.parameters()) == sum(value.numel() for value in stored.values())
    fused = torch.cat([getattr(model.transformer_blocks[0].attn, name).weight for name in ("to_q", "to_k", "to_v")])
    assert torch.equal(fused, stored["double_blocks.0.img_attn.qkv.weight"])
    assert torch.equal(model.single_transformer_blocks[0].proj_out.weight, stored["single_blocks.0.linear2.weight"])


def _error(one: FluxTransformer2DModel, other: FluxTransformer2DModel) -> float:
    """The largest relative error of any weight."""
    worst = 0.0
    for (name, value), (same_name, stored) in zip(one.named_parameters(), other.named_parameters(), strict=True):
        assert name == same_name
        difference = (value.float() - stored.float()).norm() / stored.float().norm()
        worst = max(worst, difference.item())
    return worst


VARIANTS: dict[str, tuple[Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]], float]] = {
    "in fp8, under ComfyUI's prefix": (lambda weights: prefixed("model.diffusion_model.", as_fp8(weights)), 0.12),
    "in scaled fp8, older": (lambda weights: as_scaled_fp8(weights, "scale_weight"), 0.04),
    "in scaled fp8, newer": (
        lambda weights: prefixed("model.diffusion_model.", as_scaled_fp8(weights, "weight_scale")),
        0.04,
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", VARIANTS)
def test_every_layout_gives_the_same_transformer(
    what: str, small_flux: Path, loaded: FluxTransformer2DModel, tmp_path: Path
) -> None:
    """Up to the error of its number format."""
    change, allowed = VARIANTS[what]
    path = tmp_path / "variant.safetensors"
    save_file(change(load_file(small_flux)), path)
    error = _error(_load(path), loaded)
    path.unlink()
    assert 0 < error <= allowed


@pytest.mark.slow
def test_a_diffusers_folder_and_its_file_load_too(loaded: FluxTransformer2DModel, tmp_path: Path) -> None:
    """What diffusers saves is read as a folder and as a single file."""
    loaded.save_pretrained(tmp_path)
    assert _error(_load(tmp_path), loaded) == 0
    assert _error(_load(tmp_path / "diffusion_pytorch_model.safetensors"), loaded) == 0


@pytest.mark.slow
@pytest.mark.parametrize("lost", ["double_blocks.0.txt_mlp.2.weight", "final_layer.linear.bias"])
def test_a_checkpoint_that_lacks_a_tensor_is_an_error(lost: str, small_flux: Path, tmp_path: Path) -> None:
    """No layer is ever left with random or no weights."""
    weights = load_file(small_flux)
    del weights[lost]
    save_file(weights, tmp_path / "a.safetensors")
    with pytest.raises(IsengardError) as caught:
        _load(tmp_path / "a.safetensors")
    assert caught.value.code == "MODEL_UNREADABLE"


@pytest.mark.slow
def test_what_other_programs_add_is_passed_over(
    small_flux: Path, loaded: FluxTransformer2DModel, tmp_path: Path
) -> None:
    """Single numbers, too, whatever they are called."""
    added = {"logit_scale": torch.ones(()), "double_blocks.0.img_attn.strength": torch.ones(())}
    save_file({**load_file(small_flux), **added}, tmp_path / "a.safetensors")
    assert _error(_load(tmp_path / "a.safetensors"), loaded) == 0


def test_a_flux_of_another_width_is_refused(tmp_path: Path) -> None:
    """A file of toy width has the right names and the wrong shapes."""
    with pytest.raises(IsengardError, match="width 3072") as caught:
        _load(write(tmp_path / "a.safetensors", DEV))
    assert caught.value.code == "MODEL_UNSUPPORTED"


def test_a_diffusers_folder_of_any_width_loads(tiny: FluxTransformer2DModel, tmp_path: Path) -> None:
    """Its config.json says what the keys alone don't."""
    tiny.save_pretrained(tmp_path)
    assert _error(_load(tmp_path, torch.float32), tiny) == 0


def test_a_folder_that_lacks_a_tensor_is_an_error(tiny: FluxTransformer2DModel, tmp_path: Path) -> None:
    """diffusers would go on with random numbers in its place."""
    tiny.save_pretrained(tmp_path)
    weights = load_file(tmp_path / "diffusion_pytorch_model.safetensors")
    del weights["single_transformer_blocks.1.proj_out.weight"]
    save_file(weights, tmp_path / "diffusion_pytorch_model.safetensors")
    with pytest.raises(IsengardError, match=r"lacks 1 tensors, first single_transformer_blocks\.1") as caught:
        _load(tmp_path)
    assert caught.value.code == "MODEL_UNREADABLE"


def test_the_fingerprint_is_the_transformers_alone(tiny: FluxTransformer2DModel, tmp_path: Path) -> None:
    """Another transformer, another identity."""
    seen = set()
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        FluxTransformer2DModel(**TINY).save_pretrained(tmp_path)
        seen.add(FAMILY.base_fingerprint(config(transformer=str(tmp_path), vae="nowhere")))
    assert len(seen) == 2
