"""Our conditioning against a real ComfyUI's: the same files and words give the same numbers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from isengard import settings
from isengard.tests.comfyui.host import ComfyUI
from isengard.tests.flux_files import as_scaled_fp8, clip_weights, t5_weights
from isengard.trainer.families import load_family
from isengard.trainer.families.flux1_codec import FluxCodec
from isengard.trainer.modelfiles import identify

pytestmark = [pytest.mark.slow, pytest.mark.comfyui]
SCRIPT = Path(__file__).parent / "scripts" / "encode_text.py"
CLIP_WORDS, T5_WORDS, T5_LAYERS, T5_WIDTH = 49408, 32128, 24, 128
TEXTS = (
    "ohwx woman, smiling, looking left",
    "",
    "A photo of OHWX at the café, 35mm — “golden hour”  in naïve light!",
    r"ohwx woman \(in rain\), close-up",
    "明日香 in 東京",
    "a woman with a very long story, " * 12,
)
"""The last is longer than CLIP's 77 tokens and shorter than T5's 256."""
ALLOWED = {"fp16": 1e-4, "scaled_fp8": 1e-2}
"""The relative difference that is allowed for each of T5's files."""


@pytest.fixture(scope="module")
def encoders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """CLIP-L in full size; T5 with all its 24 layers, each very narrow, in fp16 and in scaled fp8."""
    folder = tmp_path_factory.mktemp("encoders")
    save_file(clip_weights(CLIP_WORDS, layers=12), folder / "clip_l.safetensors")
    t5 = t5_weights(T5_WORDS, layers=T5_LAYERS, width=T5_WIDTH, inner=64)
    save_file(t5, folder / "fp16.safetensors")
    blocks = {name.replace("encoder.block.", "blocks."): value for name, value in t5.items()}
    scaled = as_scaled_fp8(blocks, "scale_weight")
    save_file(
        {name.replace("blocks.", "encoder.block."): value for name, value in scaled.items()},
        folder / "scaled_fp8.safetensors",
    )
    return folder


def test_conditioning_is_comfyuis(
    encoders: Path,
    comfyui: ComfyUI,
    run_in_comfyui: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Length, padding, attention over it, the pooled vector: for plain words, none, accents, brackets and long texts.

    What remains is rounding: we keep scaled fp8 weights as fp16, ComfyUI widens them as it goes.
    """
    shape = {"num_layers": T5_LAYERS, "d_model": T5_WIDTH, "d_ff": 64, "d_kv": 64, "num_heads": 2}
    files = [encoders / f"{name}.safetensors" for name in ("clip_l", *ALLOWED)]
    arguments = [json.dumps({"t5xxl_model_config": shape}), json.dumps(TEXTS), tmp_path / "theirs.safetensors", *files]
    assert run_in_comfyui(SCRIPT, arguments, timeout=900) == {"tensors": 2 * len(ALLOWED) * len(TEXTS)}
    theirs = load_file(tmp_path / "theirs.safetensors")

    monkeypatch.setattr(settings, "comfyui_path", lambda: comfyui.path)
    length = load_family("flux1-dev").text_tokens
    for file in files[1:]:
        parts = {"clip": identify(files[0]).parts["clip"], "t5": identify(file).parts["t5"]}
        codec = FluxCodec(parts, "", length, torch.device("cpu"))
        for index, text in enumerate(TEXTS):
            for name, mine in codec.encode_text(text).items():
                expected = theirs[f"{file.stem}.{name}.{index}"]
                assert mine.shape == expected.shape, (file.stem, name, text)
                assert (mine - expected).norm() < ALLOWED[file.stem] * expected.norm(), (file.stem, name, text)
        one, other = theirs[f"{file.stem}.text.0"], theirs[f"{file.stem}.text.1"]
        assert (one - other).norm() > 0.1 * one.norm()
