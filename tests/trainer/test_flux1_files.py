"""FLUX.1's files are found and checked by their headers, or refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from isengard.errors import IsengardError
from isengard.tests.flux_files import prefixed
from isengard.tests.trainer.model_headers import ALL_IN_ONE, CLIP, DEV, FLUX, SD, T5, VAE, write
from isengard.trainer.config import BaseFiles, TrainingConfig
from isengard.trainer.families import load_family

FAMILY = load_family("flux1-dev")


def config(**base: str) -> TrainingConfig:
    return TrainingConfig(name="Ada", trigger_word="ohwx", sample_every=0, base=BaseFiles(**base))


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
