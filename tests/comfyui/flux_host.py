"""A ComfyUI with small FLUX.1 files under the names that people have, and a character with a LoRA for them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from isengard.library import characters, loras
from isengard.library.store import Library
from isengard.tests.comfyui.running import Running
from isengard.tests.flux_files import clip_weights, original_vae, small_flux, t5_weights, vae_weights
from isengard.tests.sharing import made_once
from isengard.tests.trainer.lora import train_lora, write_trained
from isengard.trainer.config import BaseFiles, TrainingConfig
from isengard.trainer.families import load_family

__all__ = ["small_flux"]
SMALL_T5 = {"num_layers": 2, "d_model": 4096, "d_ff": 128, "d_kv": 64, "num_heads": 2, "vocab_size": 32128}
_SMALL_LOADER = '''
"""For tests only: ComfyUI's own loader always builds a T5 of full depth; this one is as deep as the tests' file."""

import comfy.sd
import folder_paths
import nodes


def load_clip(self, clip_name1, clip_name2, type, device="default"):
    paths = [folder_paths.get_full_path_or_raise("text_encoders", name) for name in (clip_name1, clip_name2)]
    options = {"t5xxl_model_config": CONFIG}
    clip = comfy.sd.load_clip(paths, clip_type=comfy.sd.CLIPType.FLUX, model_options=options)
    clip.tokenizer.t5xxl.min_length = WORDS
    return (clip,)


nodes.DualCLIPLoader.load_clip = load_clip
NODE_CLASS_MAPPINGS = {}
'''


@pytest.fixture(scope="session")
def flux_lora(small_flux: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA that was trained on the small transformer for some steps."""
    name = "ada_ohwx_1.safetensors"

    def make(folder: Path) -> None:
        family = load_family("flux1-dev")
        base = BaseFiles(transformer=str(small_flux))
        config = TrainingConfig(name="Ada", trigger_word="ohwx", sample_every=0, base=base)
        model = family.load_transformer(config, torch.float32)
        adapter, losses = train_lora(family, model, "attention", 3, rate=1e-2)
        assert losses[-1] < losses[0]
        write_trained(folder / name, family, adapter)

    return made_once(tmp_path_factory, "flux_lora", make) / name


@pytest.fixture(scope="session")
def flux_models(small_flux: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder as ComfyUI has it."""

    def make(models: Path) -> None:
        for folder in ("diffusion_models", "vae", "text_encoders"):
            (models / folder).mkdir()
        (models / "diffusion_models" / "flux1-dev.safetensors").symlink_to(small_flux)
        vae = {name: value.contiguous() for name, value in original_vae(vae_weights()).items()}
        save_file(vae, models / "vae" / "ae.safetensors")
        save_file(clip_weights(49408, layers=12), models / "text_encoders" / "clip_l.safetensors")
        save_file(t5_weights(32128), models / "text_encoders" / "t5xxl_fp16.safetensors")

    return made_once(tmp_path_factory, "flux", make)


def furnish(host: Running, models: Path, words: int = 8) -> Running:
    """Gives a ComfyUI that is not started yet the files, by links, and the loader that suits them.

    ComfyUI fills T5's texts up to 256 tokens, nearly all that a step on a small picture costs; here to `words`.
    """
    for file in models.rglob("*.safetensors"):
        place = host.base / "models" / file.relative_to(models)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(file)
    nodes = host.base / "custom_nodes"
    nodes.mkdir(exist_ok=True)
    loader = _SMALL_LOADER.replace("CONFIG", json.dumps(SMALL_T5)).replace("WORDS", str(words))
    (nodes / "small_loader.py").write_text(loader, encoding="utf-8")
    return host


def add_ada(root: Path, folder: Path, weights: Path) -> str:
    """Makes a library with Ada, whose LoRA is put into a folder; gives its id."""
    library = Library.open(root, loras=folder)
    try:
        characters.create(library, name="Ada", trigger_word="ohwx", class_word="woman")
        return loras.register(library, "ada", weights, job="", step=3, family="flux1-dev").id
    finally:
        library.close()
