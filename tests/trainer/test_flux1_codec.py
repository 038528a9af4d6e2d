"""FLUX.1's codec reads the single files that people have and computes what their authors' models compute."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel, T5Config, T5EncoderModel

from isengard import settings
from isengard.errors import IsengardError
from isengard.tests.flux_files import (
    all_in_one,
    as_scaled_fp8,
    clip_weights,
    original_vae,
    prefixed,
    small_flux,
    t5_weights,
    vae_weights,
)
from isengard.trainer.config import BaseFiles, TrainingConfig
from isengard.trainer.families import load_family
from isengard.trainer.families.flux1_codec import FluxCodec, load_clip, load_t5, load_vae
from isengard.trainer.families.flux1_files import clip_tokenizer, t5_tokenizer
from isengard.trainer.families.flux1_weights import CONFIGS
from isengard.trainer.mini import MODEL_DIR
from isengard.trainer.modelfiles import Part, identify

__all__ = ["small_flux"]
FAMILY = load_family("flux1-dev")
CPU = torch.device("cpu")
CLIP_WORDS, T5_WORDS = 888, 435
"""Sizes of the mini model's vocabularies, whose tokenizers these tests use."""
IDS = torch.randint(3, 400, (1, 12), generator=torch.Generator().manual_seed(0))


def part(path: Path, name: str) -> Part:
    return identify(path).parts[name]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """clip_l.safetensors, t5xxl_fp16.safetensors (2 layers, a narrow inside) and nothing else."""
    place = tmp_path_factory.mktemp("encoders")
    save_file(clip_weights(CLIP_WORDS), place / "clip_l.safetensors")
    save_file(t5_weights(T5_WORDS, width=256), place / "t5xxl_fp16.safetensors")
    return place


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
def test_clip_is_read_under_every_prefix(prefix: str, folder: Path, tmp_path: Path) -> None:
    """The pooled vector is that of transformers' own model."""
    weights = load_file(folder / "clip_l.safetensors")
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
def test_t5_computes_in_fp32_with_its_weights_as_stored(prefix: str, folder: Path, tmp_path: Path) -> None:
    """The numbers are those of an fp32 model; the memory is that of the file, before and after."""
    weights = load_file(folder / "t5xxl_fp16.safetensors")
    save_file(prefixed(prefix, weights), tmp_path / "t5.safetensors")
    model = load_t5(part(tmp_path / "t5.safetensors", "t5"), CPU)
    for _ in range(2):
        mine = model(inputs_embeds=model.shared(IDS).float()).last_hidden_state
        torch.testing.assert_close(mine, t5_by_hand(weights)(input_ids=IDS).last_hidden_state)
        assert {parameter.dtype for parameter in model.encoder.block.parameters()} == {torch.float16}


@torch.no_grad()
def test_t5s_weights_come_back_after_an_error(folder: Path) -> None:
    """A block that fails leaves no wide copy of itself behind."""
    model = load_t5(part(folder / "t5xxl_fp16.safetensors", "t5"), CPU)
    with pytest.raises(RuntimeError):
        model(inputs_embeds=torch.zeros(1, 4, 7))
    assert {parameter.dtype for parameter in model.encoder.block.parameters()} == {torch.float16}


@pytest.mark.parametrize("name", ["embed_tokens", "scale_weight", "weight_scale"])
@torch.no_grad()
def test_other_ways_of_storing_t5(name: str, folder: Path, tmp_path: Path) -> None:
    """Embeddings under their other name, and fp8 with scales, give what the plain numbers give."""
    weights = plain = load_file(folder / "t5xxl_fp16.safetensors")
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
def test_a_t5_that_lacks_a_tensor_is_an_error(lost: str, folder: Path, tmp_path: Path) -> None:
    """Nothing is ever left at random."""
    weights = load_file(folder / "t5xxl_fp16.safetensors")
    del weights[lost]
    save_file(weights, tmp_path / "t5.safetensors")
    with pytest.raises(IsengardError) as caught:
        load_t5(part(tmp_path / "t5.safetensors", "t5"), CPU)
    assert caught.value.code == "MODEL_UNREADABLE"


# --- words


@pytest.fixture(scope="module")
def codec(folder: Path) -> FluxCodec:
    """Text encoders from single files with the mini model's tokenizers."""
    files = {"clip": "clip_l.safetensors", "t5": "t5xxl_fp16.safetensors"}
    parts = {name: part(folder / file, name) for name, file in files.items()}
    return FluxCodec(parts, str(MODEL_DIR), 24, CPU)


def test_text_is_padded_to_its_length_and_longer_text_is_cut(codec: FluxCodec) -> None:
    """A caption of 10,000 characters is no error, and what is beyond the length changes nothing."""
    short, empty = codec.encode_text("ohwx woman"), codec.encode_text("")
    assert short["text"].shape == empty["text"].shape == (24, 256)
    assert short["pooled"].shape == (768,)
    long = "smiling woman, " * 700
    assert torch.equal(codec.encode_text(long)["text"], codec.encode_text(long + "more")["text"])


def test_t5_attends_to_its_padding(codec: FluxCodec) -> None:
    """As in ComfyUI, no mask is applied: the words' own vectors depend on how much padding follows."""
    parts = codec._parts
    longer = FluxCodec(parts, str(MODEL_DIR), 48, CPU).encode_text("ohwx woman")["text"][:6]
    assert (codec.encode_text("ohwx woman")["text"][:6] - longer).abs().max() > 1e-3


def test_escaped_brackets_are_brackets(codec: FluxCodec) -> None:
    """Captions written for prompts with weights mean what they mean there."""
    assert torch.equal(codec.encode_text(r"a \(b\)")["pooled"], codec.encode_text("a (b)")["pooled"])


def test_tokenizers_are_found_in_a_comfyui(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a folder of one's own, the files that every ComfyUI carries are taken."""
    for name, source in (("comfy/sd1_tokenizer", "tokenizer"), ("comfy/text_encoders/t5_tokenizer", "tokenizer_2")):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).symlink_to(MODEL_DIR / source)
    monkeypatch.setattr(settings, "comfyui_path", lambda: tmp_path)
    assert clip_tokenizer("") == tmp_path / "comfy/sd1_tokenizer"
    assert t5_tokenizer("") == tmp_path / "comfy/text_encoders/t5_tokenizer"


@pytest.mark.parametrize("given", [True, False])
def test_without_tokenizers_the_error_says_where_they_were_looked_for(
    given: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TOKENIZER_MISSING, for a folder without them and for no ComfyUI."""
    monkeypatch.setattr(settings, "comfyui_path", lambda: None)
    for find in (clip_tokenizer, t5_tokenizer):
        with pytest.raises(IsengardError, match=str(tmp_path) if given else "no ComfyUI") as caught:
            find(str(tmp_path) if given else "")
        assert caught.value.code == "TOKENIZER_MISSING"


@pytest.mark.parametrize("layout", ["flat clip", "tokenizer.json alone", "damaged"])
def test_other_folders_of_tokenizers(layout: str, tmp_path: Path) -> None:
    """Files lie in the folder itself or below, and a tokenizer.json is told by its model."""
    if layout == "flat clip":
        for name in ("vocab.json", "merges.txt"):
            (tmp_path / name).write_bytes((MODEL_DIR / "tokenizer" / name).read_bytes())
        assert clip_tokenizer(str(tmp_path)) == tmp_path
        return
    (tmp_path / "t5").mkdir()
    source = (MODEL_DIR / "tokenizer_2" / "tokenizer.json").read_bytes()
    (tmp_path / "t5" / "tokenizer.json").write_bytes(source[: 500 if layout == "damaged" else None])
    if layout == "damaged":
        with pytest.raises(IsengardError) as caught:
            t5_tokenizer(str(tmp_path))
        assert caught.value.code == "MODEL_UNREADABLE"
    else:
        assert t5_tokenizer(str(tmp_path)) == tmp_path / "t5"


# --- pictures


@pytest.fixture(scope="module")
def vae_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """FLUX's VAE as ae.safetensors and in diffusers' names, with the same random weights."""
    place = tmp_path_factory.mktemp("vae")
    weights = vae_weights()
    save_file(weights, place / "diffusers.safetensors")
    save_file(original_vae(weights), place / "ae.safetensors")
    return place


@pytest.mark.slow
@torch.no_grad()
def test_the_vae_is_the_same_in_either_naming(vae_folder: Path, tmp_path: Path) -> None:
    """ae.safetensors gives the latents of a VAE that diffusers built itself, shifted and scaled as FLUX wants them."""
    by_hand = AutoencoderKL.from_config(AutoencoderKL.load_config(str(CONFIGS / "vae"), local_files_only=True)).eval()
    stored = load_file(vae_folder / "diffusers.safetensors")
    by_hand.load_state_dict({name: value.float() for name, value in stored.items()})
    pixels = torch.rand(3, 48, 64) * 2 - 1
    expected = (by_hand.encode(pixels[None]).latent_dist.mode()[0] - 0.1159) * 0.3611
    picture = by_hand.decode(expected[None] / 0.3611 + 0.1159).sample[0]
    for name in ("ae", "diffusers"):
        codec = FluxCodec({"vae": part(vae_folder / f"{name}.safetensors", "vae")}, str(MODEL_DIR), 8, CPU)
        torch.testing.assert_close(codec.encode_image(pixels), expected)
    codec.write_decoder(tmp_path)
    decoded = torch.tensor(list(FAMILY.load_decoder(tmp_path, CPU).decode(expected).tobytes())).view(48, 64, 3)
    wanted = ((picture / 2 + 0.5).clamp(0, 1) * 255).permute(1, 2, 0)
    assert (decoded - wanted).abs().max() < 2
    assert wanted.std() > 1


def test_a_vae_that_lacks_a_tensor_is_an_error(tmp_path: Path) -> None:
    """A file with a VAE's first layers only is known by them, and refused when it is loaded."""
    names = {"encoder.conv_in.weight": (128, 3, 3, 3), "decoder.conv_in.weight": (512, 16, 3, 3)}
    names |= {"decoder.mid.block_1.norm1.weight": (512,)}
    save_file({name: torch.zeros(shape) for name, shape in names.items()}, tmp_path / "ae.safetensors")
    with pytest.raises(IsengardError) as caught:
        load_vae(part(tmp_path / "ae.safetensors", "vae"))
    assert caught.value.code == "MODEL_UNREADABLE"


def test_large_pictures_are_decoded_in_tiles(tmp_path: Path) -> None:
    """Beyond 1,024 pixels the memory stays that of a tile."""
    FluxCodec({"vae": identify(MODEL_DIR).parts["vae"]}, str(MODEL_DIR), 8, CPU).write_decoder(tmp_path)
    decoder = FAMILY.load_decoder(tmp_path, CPU)
    sizes: list[int] = []
    vae = decoder._vae  # type: ignore[attr-defined]
    vae.decoder.register_forward_pre_hook(lambda _module, inputs: sizes.append(max(inputs[0].shape[-2:])))
    assert decoder.decode(torch.randn(16, 16, 128)).size == (1024, 128)
    assert sizes == [128]
    assert decoder.decode(torch.randn(16, 16, 136)).size == (1088, 128)
    assert len(sizes) == 3
    assert max(sizes) == 128


# --- everything from one file


@pytest.mark.slow
def test_an_all_in_one_checkpoint_is_enough(
    small_flux: Path, folder: Path, vae_folder: Path, tmp_path: Path, codec: FluxCodec
) -> None:
    """Transformer, text encoders and VAE come out of the one file as they come out of their own."""
    clip, t5 = load_file(folder / "clip_l.safetensors"), t5_weights(T5_WORDS, width=4096)
    path = tmp_path / "flux1-dev-fp8.safetensors"
    save_file(all_in_one(small_flux, load_file(vae_folder / "ae.safetensors"), clip, t5), path)
    chosen = TrainingConfig(
        name="Ada",
        trigger_word="ohwx",
        sample_every=0,
        base=BaseFiles(transformer=str(path), tokenizers=str(MODEL_DIR)),
    )
    FAMILY.check_files(chosen)
    whole = FAMILY.load_codec(chosen, CPU)
    said = whole.encode_text("ohwx woman")
    assert said["text"].shape == (256, 4096)
    assert torch.equal(said["pooled"], codec.encode_text("ohwx woman")["pooled"])
    pixels = torch.rand(3, 32, 32)
    alone = FluxCodec({"vae": part(vae_folder / "ae.safetensors", "vae")}, str(MODEL_DIR), 8, CPU)
    assert torch.equal(whole.encode_image(pixels), alone.encode_image(pixels))
    model = FAMILY.load_transformer(chosen, torch.bfloat16)
    stored = load_file(small_flux)["img_in.weight"]
    assert torch.equal(model.x_embedder.weight, stored)  # type: ignore[union-attr, arg-type]
