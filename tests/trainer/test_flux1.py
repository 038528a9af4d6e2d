"""FLUX.1: the mathematics is diffusers' own, the LoRA merges as peft's does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, FluxPipeline, FluxTransformer2DModel
from diffusers.pipelines.flux.pipeline_flux import calculate_shift
from safetensors.torch import load_file
from torch.utils._python_dispatch import TorchDispatchMode

from isengard.tests.flux_files import small_flux
from isengard.tests.trainer.flux_toys import TINY, config, tiny
from isengard.tests.trainer.lora import merged_by_peft, train_lora, write_trained
from isengard.trainer.families import load_family
from isengard.trainer.families.flux1 import image_ids, told_times
from isengard.trainer.families.flux1_files import CONFIGS
from isengard.trainer.families.flux1_latents import pack, unpack

__all__ = ["small_flux", "tiny"]
FAMILY = load_family("flux1-dev")


def words(batch: int, tokens: int = 5) -> dict[str, torch.Tensor]:
    return {"text": torch.randn(batch, tokens, 24), "pooled": torch.randn(batch, 20)}


# --- mathematics


def test_packing_and_positions_are_those_of_diffusers() -> None:
    """Tokens, their order and their ids match the stock pipeline, and unpacking undoes packing."""
    latents = torch.randn(2, 16, 6, 10)
    assert torch.equal(pack(latents), FluxPipeline._pack_latents(latents, 2, 16, 6, 10))
    assert torch.equal(unpack(pack(latents), 6, 10), latents)
    device = torch.device("cpu")
    assert torch.equal(image_ids(3, 5, device), FluxPipeline._prepare_latent_image_ids(2, 3, 5, device, torch.float32))


@pytest.mark.parametrize("size", [(32, 32), (64, 96), (128, 128), (16, 16)])
def test_the_shift_is_the_schedulers(size: tuple[int, int]) -> None:
    """Training noise levels are moved as the sampler moves its own."""
    times = torch.linspace(0.01, 1, 50)
    mu = calculate_shift(size[0] * size[1] // 4)
    expected = FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True).time_shift(mu, 1.0, times)
    shifted = FAMILY.shift_timesteps(times, size)
    torch.testing.assert_close(shifted, expected)
    assert FAMILY.shift_timesteps(torch.zeros(1), size) == 0


def test_the_loss_is_each_photos_own_error_of_the_velocity(tiny: FluxTransformer2DModel) -> None:
    """A batch gives the losses that its photos have alone, against a straightforward calculation."""
    torch.manual_seed(1)
    latents, noise, times, said = torch.randn(3, 16, 4, 6), torch.randn(3, 16, 4, 6), torch.rand(3), words(3)
    losses = FAMILY.loss(tiny, latents, noise, times, said, 1.0)
    for index in range(3):
        one = slice(index, index + 1)
        noisy = latents[one] * (1 - times[index]) + noise[one] * times[index]
        velocity = tiny(
            hidden_states=FluxPipeline._pack_latents(noisy, 1, 16, 4, 6),
            encoder_hidden_states=said["text"][one],
            pooled_projections=said["pooled"][one],
            timestep=times[one],
            guidance=torch.ones(1),
            txt_ids=torch.zeros(5, 3),
            img_ids=FluxPipeline._prepare_latent_image_ids(1, 2, 3, "cpu", torch.float32),
        ).sample
        target = FluxPipeline._pack_latents(noise[one] - latents[one], 1, 16, 4, 6)
        torch.testing.assert_close(losses[index], torch.nn.functional.mse_loss(velocity, target))


def test_in_bf16_a_photo_is_as_noisy_as_the_model_is_told(tiny: FluxTransformer2DModel) -> None:
    """diffusers rounds the time in bf16; the noise level follows, so that words and pictures agree."""
    model = FluxTransformer2DModel(**TINY).to(torch.bfloat16)
    told: list[torch.Tensor] = []
    hook = model.time_text_embed.register_forward_pre_hook(lambda _module, inputs: told.append(inputs[0]))
    times = torch.tensor([0.0137, 0.5123, 0.7777, 0.9999])
    FAMILY.loss(model, torch.randn(4, 16, 4, 4), torch.randn(4, 16, 4, 4), times, words(4), 1.0)
    hook.remove()
    assert torch.equal(told_times(times, torch.bfloat16), told[0].float() / 1000)
    assert torch.equal(told_times(times, torch.float32), times)
    assert (told_times(times, torch.bfloat16) - times).abs().max() > 1e-4


class _NoWaiting(TorchDispatchMode):
    """Fails where a number is read back from the device, which would make the host wait for it."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        assert "_local_scalar_dense" not in str(func), "a number was read back from the device"
        return func(*args, **(kwargs or {}))


def test_neither_loss_nor_shift_reads_numbers_back(tiny: FluxTransformer2DModel) -> None:
    """Nothing in a training step makes the host wait for the device."""
    latents = torch.randn(2, 16, 4, 4)
    with _NoWaiting():
        times = FAMILY.shift_timesteps(torch.tensor([0.3, 0.8]), (4, 4))
        FAMILY.loss(tiny, latents, torch.randn_like(latents), times, words(2), 1.0)
    with _NoWaiting(), pytest.raises(AssertionError):
        times.sum().item()


def test_sampling_leaves_the_model_as_it_was(tiny: FluxTransformer2DModel) -> None:
    """The mode is put back, and the same seed gives the same latents."""
    tiny.train()
    said = {name: value[0] for name, value in words(1).items()}
    made = [FAMILY.sample(tiny, said, width=64, height=96, steps=2, guidance=3.5, seed=seed) for seed in (1, 1, 2)]
    assert tiny.training
    tiny.eval()
    assert made[0].shape == (16, 12, 8)
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])


def test_sampling_ends_between_two_steps_when_it_is_stopped(tiny: FluxTransformer2DModel) -> None:
    """A big picture takes minutes on a slow machine; a wish to stop can't wait for it."""
    said = {name: value[0] for name, value in words(1).items()}
    asked = iter([False, True, False])
    options = {"width": 64, "height": 64, "steps": 4, "guidance": 3.5, "seed": 1}
    assert FAMILY.sample(tiny, said, **options, stopped=lambda: next(asked)) is None
    assert next(asked) is False, "after two questions it was over"


# --- the LoRA


def test_targets_are_the_layers_of_the_blocks(tiny: FluxTransformer2DModel) -> None:
    """Attention and feed-forward only: no modulation, no embedders, no output layer of the model."""
    everything = set(FAMILY.lora_targets(tiny, "all-linear"))
    attention = set(FAMILY.lora_targets(tiny, "attention"))
    assert (len(everything), len(attention)) == (2 * 12 + 3 * 5, 2 * 8 + 3 * 3)
    assert attention < everything
    assert not any("norm" in name or "embed" in name for name in everything)
    assert "proj_out" not in everything
    assert "single_transformer_blocks.2.proj_out" in everything - attention


@pytest.mark.parametrize(
    ("singles", "blocks"), [(38, [7, 12, 16, 20]), (21, [7, 12, 16, 20]), (10, [1, 3, 4, 5]), (3, [0, 1]), (1, [0])]
)
def test_likeness_blocks_keep_their_depth_in_smaller_models(singles: int, blocks: list[int]) -> None:
    """FLUX.1 gets the reported blocks, smaller models those at the same relative depth."""
    with torch.device("meta"):
        model = FluxTransformer2DModel(**{**TINY, "num_single_layers": singles})
    expected = [f"single_transformer_blocks.{index}.proj_out" for index in blocks]
    assert FAMILY.lora_targets(model, "likeness-blocks") == expected


def test_all_targets_of_flux_itself() -> None:
    """19 double and 38 single blocks of the carried config have 418 linear layers."""
    with torch.device("meta"):
        model = FluxTransformer2DModel.from_config(
            FluxTransformer2DModel.load_config(str(CONFIGS / "transformer"), local_files_only=True)
        )
    assert sum(weight.numel() for weight in model.parameters()) == 11_901_408_320
    assert len(FAMILY.lora_targets(model, "all-linear")) == 19 * 12 + 38 * 5


def test_sample_sizes_are_seven_shapes_of_one_area() -> None:
    """Sides are multiples of the unit."""
    for family in (FAMILY, load_family("mini")):
        sizes = family.sample_sizes()
        areas = [width * height for width, height in sizes]
        assert len(set(sizes)) == 7
        assert all(side % family.unit == 0 for size in sizes for side in size)
        assert max(areas) / min(areas) < 1.15


def _load(path: Path) -> FluxTransformer2DModel:
    return FAMILY.load_transformer(config(transformer=str(path)), torch.bfloat16)  # type: ignore[return-value]


def _check_merge(model: FluxTransformer2DModel, targets: str, path: Path, tolerance: float) -> None:
    """Trains three steps and exports: the file's B·A must be what peft adds to the weights."""
    adapter, losses = train_lora(FAMILY, model, targets, steps=3)
    assert losses[-1] < losses[0]
    stored = load_file(write_trained(path, FAMILY, adapter))
    assert len(stored) == 2 * len(adapter.targets)
    before = {name: weight.clone() for name, weight in model.named_parameters() if name.endswith("base_layer.weight")}
    merged = merged_by_peft(model)
    assert set(merged) == set(adapter.targets)
    for name in adapter.targets:
        key = FAMILY.export_key(name)
        delta = stored[f"{key}.lora_B.weight"].float() @ stored[f"{key}.lora_A.weight"].float()
        base = before[f"{name}.base_layer.weight"]
        expected = (base.float() + delta).to(base.dtype)
        changed = (expected - base).norm()
        assert changed > 0
        assert (merged[name] - expected).norm() < tolerance * changed, name


@pytest.mark.parametrize("targets", ["all-linear", "attention", "likeness-blocks"])
def test_the_exported_lora_is_pefts_own_merge(targets: str, tmp_path: Path) -> None:
    """At strength 1 and without a look at alpha, in fp32."""
    torch.manual_seed(4)
    _check_merge(FluxTransformer2DModel(**TINY), targets, tmp_path / "lora.safetensors", 1e-3)


@pytest.mark.slow
def test_a_lora_on_a_single_file_is_pefts_own_merge(small_flux: Path, tmp_path: Path) -> None:
    """Load the checkpoint of true width in bf16, train three steps, export, merge."""
    _check_merge(_load(small_flux), "all-linear", tmp_path / "lora.safetensors", 0.1)
