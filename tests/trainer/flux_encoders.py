"""FLUX.1's text encoders and VAE as files, small enough for tests; the tokenizers are the embedded model's."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from isengard.tests.flux_files import clip_weights, original_vae, t5_weights, vae_weights
from isengard.trainer.modelfiles import Part, identify

CPU = torch.device("cpu")
CLIP_WORDS, T5_WORDS = 888, 435
"""Sizes of the mini model's vocabularies, whose tokenizers these tests use."""


def part(path: Path, name: str) -> Part:
    return identify(path).parts[name]


@pytest.fixture(scope="module")
def encoders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """clip_l.safetensors, t5xxl_fp16.safetensors (2 layers, a narrow inside) and nothing else."""
    place = tmp_path_factory.mktemp("encoders")
    save_file(clip_weights(CLIP_WORDS), place / "clip_l.safetensors")
    save_file(t5_weights(T5_WORDS, width=256), place / "t5xxl_fp16.safetensors")
    return place


@pytest.fixture(scope="module")
def vae_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """FLUX's VAE as ae.safetensors and in diffusers' names, with the same random weights."""
    place = tmp_path_factory.mktemp("vae")
    weights = vae_weights()
    save_file(weights, place / "diffusers.safetensors")
    save_file(original_vae(weights), place / "ae.safetensors")
    return place
