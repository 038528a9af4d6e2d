"""FLUX.1's text encoders are read from the files that people have and compute what their authors' models compute."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, T5Config, T5EncoderModel

from isengard.errors import IsengardError
from isengard.tests.flux_files import as_scaled_fp8, clip_weights, prefixed
from isengard.tests.trainer.flux_encoders import CLIP_WORDS, CPU, T5_WORDS, encoders, part
from isengard.trainer.families.flux1_files import CONFIGS
from isengard.trainer.families.flux1_text import bring, load_clip, load_t5
from isengard.trainer.families.interface import LoadingStopped

__all__ = ["encoders"]
IDS = torch.randint(3, 400, (1, 12), generator=torch.Generator().manual_seed(0))


def clip_by_hand(weights: dict[str, torch.Tensor]) -> torch.nn.Module:
    """transformers' own CLIP with these weights in it."""
    values = CLIPTextConfig.from_pretrained(str(CONFIGS / "clip"), local_files_only=True).to_dict()
    shape = {"num_hidden_layers": 2, "vocab_size": CLIP_WORDS, "eos_token_id": CLIP_WORDS - 1}
    model = CLIPTextModel(CLIPTextConfig(**{**values, **shape}))
    names = model.state_dict().keys()
    plain = {name.removeprefix("text_model."): value.float() for name, value in weights.items()}
    wanted = [name for name in names if "position_ids" not in name]
    model.load_state_dict({name: plain[name.removeprefix("text_model.")] for name in wanted}, strict=False)
    return model.eval()


def t5_by_hand(weights: dict[str, torch.Tensor]) -> torch.nn.Module:
    """transformers' own T5 with these weights in it, in fp32 throughout."""
    values = T5Config.from_pretrained(str(CONFIGS / "t5"), local_files_only=True).to_dict()
    shape = {"num_layers": 2, "d_model": 256, "d_ff": 128, "num_heads": 2, "vocab_size": T5_WORDS}
    model = T5EncoderModel(T5Config(**{**values, **shape})).float()
    state = {name: value.float() for name, value in weights.items()}
    model.load_state_dict({**state, "encoder.embed_tokens.weight": state["shared.weight"]})
    return model.eval()


@pytest.mark.parametrize("prefix", ["text_model.", "transformer.text_model.", "clip_l.transformer.text_model.", ""])
@torch.no_grad()
def test_clip_is_read_under_every_prefix(prefix: str, encoders: Path, tmp_path: Path) -> None:
    """The pooled vector is that of transformers' own model."""
    weights = load_file(encoders / "clip_l.safetensors")
    renamed = prefixed(prefix, {name.removeprefix("text_model."): value for name, value in weights.items()})
    extra = {"logit_scale": torch.ones(()), "text_projection.weight": torch.zeros(768, 768)}
    save_file({**renamed, **extra}, tmp_path / "clip.safetensors")
    mine = load_clip(part(tmp_path / "clip.safetensors", "clip"))(input_ids=IDS).pooler_output
    torch.testing.assert_close(mine, clip_by_hand(weights)(input_ids=IDS).pooler_output)


@torch.no_grad()
def test_a_long_clip_keeps_its_length(tmp_path: Path) -> None:
    """The number of positions comes from the file."""
    save_file(clip_weights(CLIP_WORDS, positions=248), tmp_path / "clip.safetensors")
    model = load_clip(part(tmp_path / "clip.safetensors", "clip"))
    assert model.config.max_position_embeddings == 248


@pytest.mark.parametrize("prefix", ["", "transformer.", "text_encoders.t5xxl.transformer."])
@torch.no_grad()
def test_t5_computes_in_fp32_with_its_weights_as_stored(prefix: str, encoders: Path, tmp_path: Path) -> None:
    """The numbers are those of an fp32 model; the memory is that of the file, before and after."""
    weights = load_file(encoders / "t5xxl_fp16.safetensors")
    save_file(prefixed(prefix, weights), tmp_path / "t5.safetensors")
    model = load_t5(part(tmp_path / "t5.safetensors", "t5"), CPU)
    for _ in range(2):
        mine = model(inputs_embeds=model.shared(IDS).float()).last_hidden_state
        torch.testing.assert_close(mine, t5_by_hand(weights)(input_ids=IDS).last_hidden_state)
        assert {parameter.dtype for parameter in model.encoder.block.parameters()} == {torch.float16}


@torch.no_grad()
def test_t5s_weights_come_back_after_an_error(encoders: Path) -> None:
    """A block that fails leaves no wide copy of itself behind."""
    model = load_t5(part(encoders / "t5xxl_fp16.safetensors", "t5"), CPU)
    with pytest.raises(RuntimeError):
        model(inputs_embeds=torch.zeros(1, 4, 7))
    assert {parameter.dtype for parameter in model.encoder.block.parameters()} == {torch.float16}


@pytest.mark.parametrize("name", ["embed_tokens", "scale_weight", "weight_scale"])
@torch.no_grad()
def test_other_ways_of_storing_t5(name: str, encoders: Path, tmp_path: Path) -> None:
    """Embeddings under their other name, and fp8 with scales, give what the plain numbers give."""
    weights = plain = load_file(encoders / "t5xxl_fp16.safetensors")
    if name == "embed_tokens":
        weights = {key.replace("shared.", "encoder.embed_tokens."): value for key, value in plain.items()}
    else:
        weights = {
            key.replace("blocks.", "encoder.block."): value
            for key, value in as_scaled_fp8(
                {key.replace("encoder.block.", "blocks."): value for key, value in plain.items()}, name
            ).items()
        }
        scales = {key.replace(name, "weight"): value for key, value in weights.items() if key.endswith(name)}
        plain = {
            key: (weights[key].float() * scales.get(key, 1.0)).to(torch.float16 if key in scales else torch.float32)
            for key in plain
        }
    save_file(weights, tmp_path / "t5.safetensors")
    model = load_t5(part(tmp_path / "t5.safetensors", "t5"), CPU)
    mine = model(inputs_embeds=model.shared(IDS).float()).last_hidden_state
    torch.testing.assert_close(mine, t5_by_hand(plain)(input_ids=IDS).last_hidden_state)


@pytest.mark.parametrize("lost", ["encoder.block.1.layer.0.SelfAttention.k.weight", "shared.weight"])
def test_a_t5_that_lacks_a_tensor_is_an_error(lost: str, encoders: Path, tmp_path: Path) -> None:
    """Nothing is ever left at random."""
    weights = load_file(encoders / "t5xxl_fp16.safetensors")
    del weights[lost]
    save_file(weights, tmp_path / "t5.safetensors")
    with pytest.raises(IsengardError) as caught:
        load_t5(part(tmp_path / "t5.safetensors", "t5"), CPU)
    assert caught.value.code == "MODEL_UNREADABLE"


# --- a base model takes minutes to load from a slow disk: who stops the training meanwhile does not wait for it


def test_reading_t5_ends_before_the_next_tensor(encoders: Path) -> None:
    asked = []

    def stopped() -> bool:
        asked.append(1)
        return len(asked) > 3

    with pytest.raises(LoadingStopped):
        load_t5(part(encoders / "t5xxl_fp16.safetensors", "t5"), CPU, stopped)
    assert len(asked) == 4


@torch.no_grad()
def test_t5_that_comes_from_the_disk_while_it_computes_ends_before_the_next_block(encoders: Path) -> None:
    """No block is left wide, and asked again it says what it would have said."""
    wishes: list[str] = []
    model = load_t5(part(encoders / "t5xxl_fp16.safetensors", "t5"), CPU, lambda: wishes)
    words = model.shared(IDS).float()
    said = model(inputs_embeds=words).last_hidden_state
    wishes.append("pause")
    with pytest.raises(LoadingStopped):
        model(inputs_embeds=words)
    assert {parameter.dtype for parameter in model.encoder.block.parameters()} == {torch.float16}
    wishes.clear()
    assert torch.equal(model(inputs_embeds=words).last_hidden_state, said)


def test_a_model_is_brought_layer_by_layer() -> None:
    """Up to a stop; else all of it, with what belongs to no layer."""
    asked = []

    def stopped() -> bool:
        asked.append(1)
        return len(asked) > 2

    there = torch.device("meta")
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model.scale = nn.Parameter(torch.ones(1))
    with pytest.raises(LoadingStopped):
        bring(model, there, stopped)
    assert [model[0].weight.is_meta, model[1].weight.is_meta] == [True, False]
    bring(model, there, bool)
    assert all(parameter.is_meta for parameter in model.parameters())
