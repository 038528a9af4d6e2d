"""FLUX.1: files are loaded or refused by name, the mathematics is diffusers' own, the LoRA merges as peft's does."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, FluxPipeline, FluxTransformer2DModel
from diffusers.pipelines.flux.pipeline_flux import calculate_shift
from safetensors.torch import load_file, save_file
from torch.utils._python_dispatch import TorchDispatchMode

from isengard.errors import IsengardError
from isengard.tests.flux_files import as_fp8, as_scaled_fp8, prefixed, small_flux
from isengard.tests.trainer.lora import merged_by_peft, train_lora, write_trained
from isengard.tests.trainer.test_modelfiles import ALL_IN_ONE, CLIP, DEV, FLUX, SD, T5, VAE, write
from isengard.trainer.config import BaseFiles, TrainingConfig
from isengard.trainer.families import load_family
from isengard.trainer.families.flux1 import CONFIGS, image_ids, told_times
from isengard.trainer.families.flux1_latents import pack, unpack

__all__ = ["small_flux"]
FAMILY = load_family("flux1-dev")
TINY = {
    "num_layers": 2,
    "num_single_layers": 3,
    "attention_head_dim": 16,
    "num_attention_heads": 2,
    "joint_attention_dim": 24,
    "pooled_projection_dim": 20,
    "guidance_embeds": True,
    "axes_dims_rope": (4, 6, 6),
}


def config(**base: str) -> TrainingConfig:
    return TrainingConfig(name="Ada", trigger_word="ohwx", sample_every=0, base=BaseFiles(**base))


@pytest.fixture(scope="module")
def tiny() -> FluxTransformer2DModel:
    """A FLUX of toy size."""
    torch.manual_seed(0)
    return FluxTransformer2DModel(**TINY).requires_grad_(False).eval()


def words(batch: int, tokens: int = 5) -> dict[str, torch.Tensor]:
    return {"text": torch.randn(batch, tokens, 24), "pooled": torch.randn(batch, 20)}


# --- files


def _files(folder: Path) -> dict[str, str]:
    kinds = {"dev": DEV, "schnell": FLUX, "fill": {**DEV, "img_in.weight": (8, 384)}, "all": ALL_IN_ONE, "vae": VAE}
    kinds |= {"clip": prefixed("text_model.", {**CLIP, "final_layer_norm.weight": (16,)}), "t5": T5}  # type: ignore[arg-type]
    kinds |= {"sd1": {SD: (320, 768)}, "wide t5": {**T5, "encoder.final_layer_norm.weight": (2048,)}}
    kinds |= {"lora": {"transformer.transformer_blocks.0.attn.to_q.lora_A.weight": (4, 8)}}
    return {name: str(write(folder / f"{name}.safetensors", keys)) for name, keys in kinds.items()}


PARTS = {"transformer": "dev", "vae": "vae", "clip": "clip", "t5": "t5"}
WRONG = {
    "no transformer": ({"transformer": ""}, "MODEL_MISSING", r"base\.transformer is empty"),
    "no vae": ({"vae": ""}, "MODEL_MISSING", r"base\.vae is empty .* wants a FLUX VAE \(ae\.safetensors\)"),
    "no t5": ({"t5": ""}, "MODEL_MISSING", r"base\.t5 is empty"),
    "a LoRA as base": ({"transformer": "lora"}, "MODEL_WRONG_KIND", r"base\.transformer wants .* is a LoRA\."),
    "an SD 1.5 checkpoint": ({"transformer": "sd1"}, "MODEL_WRONG_KIND", "is a Stable Diffusion 1.5 checkpoint"),
    "schnell": ({"transformer": "schnell"}, "MODEL_WRONG_KIND", "is a FLUX.1-schnell transformer"),
    "fill": ({"transformer": "fill"}, "MODEL_WRONG_KIND", "is a FLUX.1 Fill, Canny or Depth transformer"),
    "a VAE as base": ({"transformer": "vae"}, "MODEL_WRONG_KIND", "is a FLUX VAE"),
    "a text encoder as VAE": ({"vae": "t5"}, "MODEL_WRONG_KIND", r"base\.vae wants .* is a T5 text encoder"),
    "text encoders swapped": ({"clip": "t5", "t5": "clip"}, "MODEL_WRONG_KIND", r"base\.clip wants .* is a T5"),
    "a T5 of another width": ({"t5": "wide t5"}, "MODEL_WRONG_KIND", r"2,048 wide and the transformer takes 32"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_file_is_told_by_what_it_is(what: str, tmp_path: Path) -> None:
    """The error names the setting, what it wants and what the file is."""
    changes, code, message = WRONG[what]
    files = {"": "", **_files(tmp_path)}
    chosen = config(**{part: files[name] for part, name in {**PARTS, **changes}.items()})
    with pytest.raises(IsengardError, match=message) as caught:
        FAMILY.check_files(chosen)
    assert caught.value.code == code


def test_an_unreadable_number_format_is_refused(tmp_path: Path) -> None:
    """A file in NF4 is known as FLUX and refused for its numbers."""
    keys = {**DEV, "double_blocks.0.img_mlp.0.weight.quant_state.bitsandbytes__nf4": (9,)}
    with pytest.raises(IsengardError, match="NF4") as caught:
        FAMILY.check_files(config(transformer=str(write(tmp_path / "a.safetensors", keys, "U8"))), encoders=False)
    assert caught.value.code == "MODEL_UNSUPPORTED"


def test_a_job_with_a_full_cache_needs_only_the_transformer(tmp_path: Path) -> None:
    """Without encoders neither the other files nor the tokenizers are looked for."""
    FAMILY.check_files(config(transformer=_files(tmp_path)["dev"]), encoders=False)


def test_right_files_without_tokenizers_miss_the_tokenizers(tmp_path: Path) -> None:
    """The last thing to be missing is named with what would satisfy it."""
    files = _files(tmp_path)
    chosen = config(**{part: files[name] for part, name in PARTS.items()}, tokenizers=str(tmp_path))
    with pytest.raises(IsengardError, match=r"CLIP tokenizer \(vocab\.json and merges\.txt\)") as caught:
        FAMILY.check_files(chosen)
    assert caught.value.code == "TOKENIZER_MISSING"


def test_an_all_in_one_checkpoint_fills_the_settings_left_empty(tmp_path: Path) -> None:
    """Other files that are given still win."""
    files = _files(tmp_path)
    held = FAMILY.parts(config(transformer=files["all"], vae=files["vae"]))  # type: ignore[attr-defined]
    assert {name: part.path.stem for name, part in held.items()} == {**dict.fromkeys(PARTS, "all"), "vae": "vae"}


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


# --- a small checkpoint of the true width


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
