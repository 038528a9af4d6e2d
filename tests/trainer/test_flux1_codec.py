"""FLUX.1's codec makes of words what ComfyUI makes of them; it finds its tokenizers, and all parts in one file."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from isengard import settings
from isengard.errors import IsengardError
from isengard.tests.flux_files import all_in_one, small_flux, t5_weights
from isengard.tests.trainer.flux_encoders import CPU, T5_WORDS, encoders, part, vae_folder
from isengard.trainer.config import BaseFiles, TrainingConfig
from isengard.trainer.families import load_family
from isengard.trainer.families.flux1_codec import FluxCodec
from isengard.trainer.families.flux1_files import clip_tokenizer, t5_tokenizer
from isengard.trainer.mini import MODEL_DIR

__all__ = ["encoders", "small_flux", "vae_folder"]
FAMILY = load_family("flux1-dev")


@pytest.fixture(scope="module")
def codec(encoders: Path) -> FluxCodec:
    """Text encoders from single files with the mini model's tokenizers."""
    files = {"clip": "clip_l.safetensors", "t5": "t5xxl_fp16.safetensors"}
    parts = {name: part(encoders / file, name) for name, file in files.items()}
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


# --- everything from one file


@pytest.mark.slow
def test_an_all_in_one_checkpoint_is_enough(
    small_flux: Path, encoders: Path, vae_folder: Path, tmp_path: Path, codec: FluxCodec
) -> None:
    """Transformer, text encoders and VAE come out of the one file as they come out of their own."""
    clip, t5 = load_file(encoders / "clip_l.safetensors"), t5_weights(T5_WORDS, width=4096)
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
