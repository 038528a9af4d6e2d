"""What is computed lies on the device, and nobody waits for it: shown on torch's device without numbers.

There a tensor of the processor's beside one of the device's is an error at once, as on a GPU; so is reading a number.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from diffusers import FluxTransformer2DModel
from torch import Tensor, nn

from isengard.tests.trainer.flux_encoders import encoders, part, vae_folder
from isengard.tests.trainer.flux_toys import WIDER
from isengard.trainer.backends.native.adapter import Adapter
from isengard.trainer.backends.native.blocks import arrange
from isengard.trainer.config import TrainingConfig
from isengard.trainer.families import load_family
from isengard.trainer.families.flux1_text import bring, load_clip, load_t5
from isengard.trainer.families.flux1_vae import load_vae
from isengard.trainer.quantised import fp8, int8, quantise_layer

__all__ = ["encoders", "vae_folder"]
FAMILY = load_family("flux1-dev")
THERE = torch.device("meta")


def there(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.empty(shape, dtype=dtype, device=THERE)


def model_there(dtype: torch.dtype, form: str, native: bool) -> nn.Module:
    with THERE:
        model: nn.Module = FluxTransformer2DModel(**WIDER).requires_grad_(False)
    for module in model.modules():
        for name, weight in list(module.named_parameters(recurse=False)):
            setattr(module, name, nn.Parameter(weight.to(dtype), requires_grad=False))
    for name, layer in list(model.named_modules()) if form != "full" else ():
        if isinstance(layer, nn.Linear) and "blocks." in name:
            parent, _, last = name.rpartition(".")
            setattr(model.get_submodule(parent), last, quantise_layer(layer, form, both_ways=native))
    return model


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32], ids=str)
@pytest.mark.parametrize(
    ("form", "native"), [("full", True), ("fp8", True), ("fp8", False), ("int8", True), ("int8", False)]
)
def test_a_step_and_a_picture_stay_on_the_device(
    form: str, native: bool, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forward, backward, recomputing, the LoRA's masters and average, holding the class, sampling."""
    for module in (fp8, int8):
        monkeypatch.setattr(module, "multiplies", lambda _device, _sides: native)
    model = model_there(dtype, form, native)
    config = TrainingConfig(
        name="Ada", trigger_word="ohwx", rank=4, alpha=8.0, lora_dropout=0.1, ema_decay=0.9, sample_every=0
    )
    adapter = Adapter(model, config, FAMILY.lora_targets(model, "all-linear"), THERE, dtype)
    arrange(list(FAMILY.blocks(model).values()), recomputed={0, 3}, swapped=[], device=THERE, random=True)
    adapter.start_average()
    words = {"text": there(2, 16, 64, dtype=dtype), "pooled": there(2, 32, dtype=dtype)}
    given = (there(2, 16, 8, 8), there(2, 16, 8, 8), there(2), words, 1.0)

    losses = FAMILY.loss(model.train(), *given)
    losses.mean().backward()
    adapter.collect()
    norm = torch.nn.utils.clip_grad_norm_(adapter.parameters.values(), 1.0)
    adapter.publish()
    adapter.update_average()
    with torch.no_grad(), adapter.taken_off():
        before = FAMILY.prediction(model, *given)
    with adapter.best_in_place():
        one = {name: tensor[0] for name, tensor in words.items()}
        picture = FAMILY.sample(model, one, width=64, height=64, steps=3, guidance=3.5, seed=1)

    assert picture is not None
    for tensor in (losses, norm, before, picture, *adapter.best().values()):
        assert (tensor.device, tensor.dtype) == (THERE, torch.float32)
    for name, parameter in adapter.parameters.items():
        assert parameter.grad is not None, name
        assert (parameter.grad.device, parameter.grad.dtype) == (THERE, torch.float32)


@torch.no_grad()
def test_text_encoders_compute_on_the_device(encoders: Path) -> None:
    """T5 as where it fits there, in fp32 with its weights as they are stored."""
    ids = there(1, 12, dtype=torch.int64)
    t5 = load_t5(part(encoders / "t5xxl_fp16.safetensors", "t5"), THERE)
    bring(t5, THERE, bool)
    said = t5(inputs_embeds=t5.shared(ids).float()).last_hidden_state
    assert (said.device, said.dtype) == (THERE, torch.float32)
    assert {weight.dtype for weight in t5.encoder.block.parameters()} == {torch.float16}
    clip = load_clip(part(encoders / "clip_l.safetensors", "clip")).to(THERE)
    assert clip(input_ids=ids).pooler_output.device == THERE


@pytest.mark.slow
@torch.no_grad()
def test_the_vae_computes_on_the_device(vae_folder: Path) -> None:
    vae = load_vae(part(vae_folder / "ae.safetensors", "vae")).to(THERE)
    latents = vae.encode(there(1, 3, 64, 64)).latent_dist.mode()
    assert (latents.device, tuple(latents.shape)) == (THERE, (1, 16, 8, 8))
    assert vae.decode(latents).sample.device == THERE
