"""Our LoRAs in a real ComfyUI: every key is loaded, and the patched weights are peft's own merge."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import FluxTransformer2DModel
from safetensors.torch import load_file, save_file

from isengard.tests.flux_files import small_flux
from isengard.tests.trainer.lora import merged_by_peft, train_lora, write_trained
from isengard.trainer.config import TARGETS, BaseFiles, TrainingConfig
from isengard.trainer.families import load_family
from isengard.trainer.families.flux1_files import CONFIGS

__all__ = ["small_flux"]
pytestmark = [pytest.mark.slow, pytest.mark.comfyui]
SCRIPTS = Path(__file__).parent / "scripts"
FAMILY = load_family("flux1-dev")
FUSED = {
    "double_blocks.0.img_attn.qkv.weight": "transformer_blocks.0.attn.{to_q,to_k,to_v}",
    "double_blocks.0.txt_attn.qkv.weight": "transformer_blocks.0.attn.{add_q_proj,add_k_proj,add_v_proj}",
    "double_blocks.0.img_attn.proj.weight": "transformer_blocks.0.attn.{to_out.0}",
    "double_blocks.0.txt_attn.proj.weight": "transformer_blocks.0.attn.{to_add_out}",
    "double_blocks.0.img_mlp.0.weight": "transformer_blocks.0.ff.{net.0.proj}",
    "double_blocks.0.img_mlp.2.weight": "transformer_blocks.0.ff.{net.2}",
    "double_blocks.0.txt_mlp.0.weight": "transformer_blocks.0.ff_context.{net.0.proj}",
    "double_blocks.0.txt_mlp.2.weight": "transformer_blocks.0.ff_context.{net.2}",
    "single_blocks.0.linear1.weight": "single_transformer_blocks.0.{attn.to_q,attn.to_k,attn.to_v,proj_mlp}",
    "single_blocks.0.linear2.weight": "single_transformer_blocks.0.{proj_out}",
}
"""ComfyUI's weights, and the layers of diffusers that lie in each, from top to bottom."""


def layers(pattern: str) -> list[str]:
    block, names = pattern.rstrip("}").split("{")
    return [block + name for name in names.split(",")]


def test_every_target_of_flux_is_a_layer_that_comfyui_maps(run_in_comfyui: Callable[..., Any]) -> None:
    """In all 19 double and 38 single blocks, whatever the setting `targets` says."""
    with torch.device("meta"):
        model = FluxTransformer2DModel.from_config(
            FluxTransformer2DModel.load_config(str(CONFIGS / "transformer"), local_files_only=True)
        )
    mapped = set(run_in_comfyui(SCRIPTS / "lora_keys.py", [19, 38]))
    assert "transformer_blocks.18.attn.to_q" in mapped
    for targets in TARGETS:
        wanted = set(FAMILY.lora_targets(model, targets))
        assert wanted
        assert wanted <= mapped, targets


def test_comfyui_applies_what_was_trained(small_flux: Path, run_in_comfyui: Callable[..., Any], tmp_path: Path) -> None:
    """No key is left out, and strength 1 in ComfyUI is peft's merge, up to the rounding of bf16.

    peft's own names, without our prefix, are not loaded: that this is noticed shows that the check can fail.
    """
    base = BaseFiles(transformer=str(small_flux))
    config = TrainingConfig(name="Ada", trigger_word="ohwx", sample_every=0, base=base)
    model = FAMILY.load_transformer(config, torch.float32)
    adapter, _ = train_lora(FAMILY, model, "all-linear", steps=3, rate=1e-2)
    lora = write_trained(tmp_path / "lora.safetensors", FAMILY, adapter)
    merged = merged_by_peft(model)
    save_file(
        {f"base_model.model.{name}": value for name, value in adapter.weights.items()}, tmp_path / "pefts.safetensors"
    )
    arguments = [small_flux, lora, tmp_path / "patched.safetensors", tmp_path / "pefts.safetensors"]
    report = run_in_comfyui(SCRIPTS / "apply_lora.py", arguments, timeout=900)
    assert (report["model"], report["ours"]) == ("Flux", {"not_loaded": [], "patched": len(FUSED)})
    assert (len(report["other"]["not_loaded"]), report["other"]["patched"]) == (len(adapter.weights), 0)
    patched, before = load_file(tmp_path / "patched.safetensors"), load_file(small_flux)
    assert set(patched) == set(FUSED)
    assert sorted(name for pattern in FUSED.values() for name in layers(pattern)) == sorted(adapter.targets)
    for key, pattern in FUSED.items():
        expected = torch.cat([merged[name] for name in layers(pattern)])
        change = (expected - before[key].float()).norm()
        error = (patched[key].float() - expected).norm()
        assert error < 0.05 * change, key
        torch.testing.assert_close(patched[key].float(), expected, rtol=2**-8, atol=1e-6)
