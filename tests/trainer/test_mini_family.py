"""The embedded model: its family gives what the stock FluxPipeline gives, and its LoRAs load in diffusers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import FluxPipeline
from torch import nn

from isengard.tests.trainer.lora import config, merged_by_peft, train_lora, write_trained
from isengard.trainer.families import load_family
from isengard.trainer.families.interface import Codec
from isengard.trainer.mini import MODEL_DIR
from isengard.trainer.mini.architecture import MAX_TEXT_TOKENS, SHAPES

FAMILY = load_family("mini")
CPU = torch.device("cpu")
PROMPT = "ohwx woman, smiling, looking left, wearing a red sweater, blue background"


@pytest.fixture(scope="module")
def pipeline() -> FluxPipeline:
    """The stock pipeline on the same folder."""
    loaded = FluxPipeline.from_pretrained(MODEL_DIR, local_files_only=True).to(torch.float32)
    loaded.set_progress_bar_config(disable=True)
    return loaded


@pytest.fixture(scope="module")
def codec() -> Codec:
    """The family's codec."""
    return FAMILY.load_codec(config("mini"), CPU)


@pytest.fixture
def transformer() -> nn.Module:
    """A transformer in which every layer counts, also while the model on the disk is not trained yet."""
    model = FAMILY.load_transformer(config("mini"), torch.float32)
    torch.manual_seed(3)
    for weight in model.parameters():
        if weight.dim() == 2 and not weight.any():
            nn.init.normal_(weight, std=0.1)
    return model


def test_the_config_on_disk_gives_text_length_and_sizes() -> None:
    """They are those that the model was built with."""
    assert FAMILY.text_tokens == MAX_TEXT_TOKENS
    assert set(FAMILY.sample_sizes()) == set(SHAPES)


def test_files_of_another_base_mean_nothing_to_it() -> None:
    """The mini model is embedded; no setting changes it."""
    from isengard.trainer.config import BaseFiles

    FAMILY.check_files(config("mini", base=BaseFiles(transformer="/nowhere", tokenizers="/nowhere")))


def test_words_become_what_the_pipeline_makes_of_them(pipeline: FluxPipeline, codec: Codec) -> None:
    """The same length, the same tokens, the same numbers."""
    said = codec.encode_text(PROMPT)
    text, pooled, _ = pipeline.encode_prompt(PROMPT, PROMPT, max_sequence_length=MAX_TEXT_TOKENS, device=CPU)
    assert said["text"].shape == (MAX_TEXT_TOKENS, 128)
    torch.testing.assert_close(said["text"], text[0])
    torch.testing.assert_close(said["pooled"], pooled[0])


def test_any_trigger_word_can_be_told_from_another(codec: Codec) -> None:
    """Words that nobody has seen, in any script, are not all one."""
    seen = [codec.encode_text(f"{word} woman")["text"] for word in ("ohwx", "zyqk", "ädä", "明", "")]
    for index, one in enumerate(seen):
        assert all((one - other).abs().max() > 1e-3 for other in seen[index + 1 :])


def test_a_picture_goes_through_the_codec_and_back(codec: Codec, pipeline: FluxPipeline, tmp_path: Path) -> None:
    """Latents are those of the pipeline's VAE, and the decoder written to the job decodes as that VAE does."""
    pixels = torch.rand(3, 112, 144) * 2 - 1
    latents = codec.encode_image(pixels)
    assert (latents.shape, latents.dtype) == ((16, 14, 18), torch.float32)
    assert torch.equal(latents, codec.encode_image(pixels))
    vae = pipeline.vae
    with torch.no_grad():
        raw = vae.encode(pixels[None]).latent_dist.mode()[0]
        torch.testing.assert_close(latents, (raw - vae.config.shift_factor) * vae.config.scaling_factor)
        expected = pipeline.image_processor.postprocess(vae.decode(raw[None]).sample, output_type="np")[0]
    codec.write_decoder(tmp_path / "vae")
    picture = FAMILY.load_decoder(tmp_path / "vae", CPU).decode(latents)
    assert picture.size == (144, 112)
    assert np.abs(np.asarray(picture) / 255 - expected).max() < 0.01
    assert str(MODEL_DIR) not in (tmp_path / "vae" / "config.json").read_text(encoding="utf-8")


def test_the_codecs_identity_is_that_of_its_files_and_length(codec: Codec) -> None:
    """Another length is another cache."""
    assert FAMILY.load_codec(config("mini"), CPU).fingerprint == codec.fingerprint
    assert FAMILY.load_codec(config("mini", max_text_tokens=16), CPU).fingerprint != codec.fingerprint


def test_after_release_the_codec_works_again(codec: Codec) -> None:
    """Encoders come back when they are needed."""
    before = codec.encode_text(PROMPT)["text"]
    codec.release()
    assert torch.equal(codec.encode_text(PROMPT)["text"], before)


@pytest.mark.parametrize(("width", "height", "steps"), [(128, 128, 4), (176, 96, 1), (96, 176, 7)])
def test_a_sample_is_the_stock_pipelines_picture(
    width: int, height: int, steps: int, pipeline: FluxPipeline, codec: Codec, transformer: nn.Module
) -> None:
    """The same words, noise, steps and guidance end in the same latents."""
    said = codec.encode_text(PROMPT)
    mine = FAMILY.sample(transformer, said, width=width, height=height, steps=steps, guidance=3.5, seed=11)
    noise = torch.randn(1, 16, height // 8, width // 8, generator=torch.Generator().manual_seed(11))
    pipeline.transformer = transformer
    packed = pipeline(
        prompt_embeds=said["text"][None],
        pooled_prompt_embeds=said["pooled"][None],
        latents=pipeline._pack_latents(noise, 1, 16, height // 8, width // 8),
        width=width,
        height=height,
        num_inference_steps=steps,
        guidance_scale=3.5,
        output_type="latent",
    ).images
    theirs = pipeline._unpack_latents(packed, height, width, pipeline.vae_scale_factor)[0]
    torch.testing.assert_close(mine, theirs)
    assert (mine - noise[0]).abs().max() > 0.01


def test_its_lora_loads_in_diffusers(pipeline: FluxPipeline, transformer: nn.Module, tmp_path: Path) -> None:
    """`load_lora_weights` takes every key, and the fused weights are peft's own merge."""
    fresh = FAMILY.load_transformer(config("mini"), torch.float32)
    fresh.load_state_dict(transformer.state_dict())
    adapter, losses = train_lora(FAMILY, transformer, "all-linear", steps=3)
    assert losses[-1] < losses[0]
    path = write_trained(tmp_path / "lora.safetensors", FAMILY, adapter)
    pipeline.transformer = fresh
    pipeline.load_lora_weights(tmp_path, weight_name=path.name)
    pipeline.fuse_lora()
    fused = {name: module.base_layer.weight for name, module in fresh.named_modules() if hasattr(module, "base_layer")}
    pipeline.unload_lora_weights()
    merged = merged_by_peft(transformer)
    assert set(fused) == set(merged) == set(adapter.targets)
    for name, weight in merged.items():
        torch.testing.assert_close(fused[name], weight)
