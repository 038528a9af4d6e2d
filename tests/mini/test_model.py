"""The shipped model: stock classes run it, any word can be encoded, its reader is as good as published, it is small."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from isengard.trainer.mini import CHARACTER_DIR, MODEL_DIR
from isengard.trainer.mini.architecture import MAX_TEXT_TOKENS, SCHEDULER, SHAPES
from isengard.trainer.mini.bundled import draw_character
from isengard.trainer.mini.canvas import head_pose, picture_rng
from isengard.trainer.mini.data import HELD_OUT, picture
from isengard.trainer.mini.drawing import render
from isengard.trainer.mini.flow import Tokenizers, shift_of
from isengard.trainer.mini.reader import (
    CATEGORIES,
    accuracy,
    cuts,
    load_reader,
    pictures_to_tensor,
    place_targets,
    published_accuracy,
    read,
    truth,
)
from isengard.trainer.mini.world import IDENTITY_NUMBERS, sample_identity, sample_nuisance

WORDS = (
    "ohwx",
    "Ада",
    "李明",
    "émilie-jane",
    "👩🏽‍🦰",
    "x",
    "ADA_2026",
    "zażółć",
    "a" * 200,
    "\u202eabc",
    "ohwx woman, smiling",
)


@pytest.fixture(scope="module")
def tokenizers() -> Tokenizers:
    return Tokenizers(MODEL_DIR)


@pytest.mark.parametrize("word", WORDS)
def test_any_trigger_word_can_be_encoded(tokenizers: Tokenizers, word: str) -> None:
    """No word of any script becomes an unknown token, and the lengths are the model's."""
    clip, t5 = tokenizers([word], torch.device("cpu"))
    assert clip.shape == (1, tokenizers.clip.model_max_length)
    assert t5.shape == (1, MAX_TEXT_TOKENS)
    assert tokenizers.t5.unk_token_id not in t5[0].tolist()
    assert len(set(clip[0].tolist())) > 2  # more than start and end


def test_different_words_have_different_tokens(tokenizers: Tokenizers) -> None:
    """Two trigger words are never the same to the model."""
    seen = {tuple(tokenizers([word], torch.device("cpu"))[1][0].tolist()) for word in WORDS}
    assert len(seen) == len(WORDS)


def test_words_of_the_world_are_whole_and_case_does_not_matter(tokenizers: Tokenizers) -> None:
    """Known words take one token each, so that a long prompt still fits."""
    assert tokenizers.t5.tokenize("Smiling, Wearing a RED sweater!") == [
        "▁smiling",
        "▁wearing",
        "▁a",
        "▁red",
        "▁sweater",
    ]
    assert [token.removesuffix("</w>") for token in tokenizers.clip.tokenize("Smiling SWEATER")] == [
        "smiling",
        "sweater",
    ]


@pytest.mark.parametrize("size", [SHAPES[0], SHAPES[1], SHAPES[-1]])
def test_the_stock_pipeline_makes_pictures(size: tuple[int, int]) -> None:
    """diffusers' FluxPipeline, as it is, loads the folder and paints something at every shape."""
    from diffusers import FluxPipeline

    pipeline = FluxPipeline.from_pretrained(MODEL_DIR, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    made = pipeline(
        "a woman, smiling, wearing a red sweater, plain blue background, portrait",
        width=size[0],
        height=size[1],
        num_inference_steps=6,
        max_sequence_length=MAX_TEXT_TOKENS,
        generator=torch.Generator().manual_seed(1),
    ).images[0]
    assert made.size == size
    assert np.asarray(made).std() > 20


def test_the_schedule_is_shifted_as_flux_shifts_it() -> None:
    """Our training levels and the pipeline's steps use one formula."""
    from diffusers.pipelines.flux.pipeline_flux import calculate_shift

    names = ("base_image_seq_len", "max_image_seq_len", "base_shift", "max_shift")
    for tokens in (60, 64, 256, 4096):
        assert shift_of(tokens) == pytest.approx(calculate_shift(tokens, *(SCHEDULER[name] for name in names)))


def test_the_reader_is_as_good_on_fresh_pictures_as_published() -> None:
    """The accuracy that every score leans on holds on people that neither training nor publishing has seen."""
    seeds = range(HELD_OUT + 900_000, HELD_OUT + 900_096)
    pictures = pictures_to_tensor(np.stack([picture(seed, 128, 128) for seed in seeds]))
    true = truth([sample_identity(seed) for seed in seeds], [sample_nuisance(seed) for seed in seeds])
    measured = accuracy(read(load_reader(MODEL_DIR / "reader"), pictures), *true)
    published = published_accuracy(MODEL_DIR / "reader")["drawn"]
    for name in IDENTITY_NUMBERS:
        assert measured["error_in_population_std"][name] < published["error_in_population_std"][name] + 0.2, name
    for name, share in published["share_right"].items():
        assert measured["share_right"][name] > share - 0.16, name


def test_the_reader_sees_faces_and_not_only_colours() -> None:
    """On drawn pictures and on the autoencoder's, no attribute is read by guessing."""
    for measured in published_accuracy(MODEL_DIR / "reader").values():
        for name, error in measured["error_in_population_std"].items():
            assert error < 0.7, name  # always saying the mean errs by 0.87
        for name, share in measured["share_right"].items():
            assert share > 0.5 + 0.5 / len(CATEGORIES[name]), name


def test_the_reader_cuts_the_same_face_out_of_a_near_and_a_far_picture() -> None:
    """Face and eyes come out at one place and one size, whatever the framing."""
    who, ways = sample_identity(4), [replace(sample_nuisance(4), framing=framing) for framing in ("close", "wide")]
    pictures = pictures_to_tensor(np.stack([np.asarray(render(who, way, 128, 128)) for way in ways]))
    places = place_targets([head_pose(128, 128, way, picture_rng(way)) for way in ways], 128)
    whole = (pictures[0] - pictures[1]).abs().mean()
    for near, far in cuts(pictures, places):
        assert (near - far).abs().mean() < 0.6 * whole


def test_the_model_is_small_enough_to_be_committed() -> None:
    """16 MB in all, in safetensors only."""
    files = [file for file in MODEL_DIR.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) <= 16 * 2**20
    assert {file.suffix for file in files} <= {".json", ".txt", ".safetensors"}


def test_the_bundled_character_is_what_the_code_draws(tmp_path: Path) -> None:
    """The committed photos of Ada are those of `mini character`, each with a caption that says nothing of her face."""
    draw_character(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(p.name for p in CHARACTER_DIR.iterdir())
    for made in tmp_path.glob("*.jpg"):
        kept, again = (np.asarray(Image.open(p), dtype=np.int16) for p in (CHARACTER_DIR / made.name, made))
        assert kept.shape == again.shape
        assert np.abs(kept - again).mean() < 3
        text = (CHARACTER_DIR / made.with_suffix(".txt").name).read_text(encoding="utf-8")
        assert "background" in text
        assert not any(word in text for word in ("ginger", "freckles", "glasses", "bob", "eyes green", "ohwx", "ada"))
