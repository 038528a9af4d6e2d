"""What is done for a GPU, as far as it can be shown without one."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from isengard.trainer.backends.native.adapter import Adapter
from isengard.trainer.backends.native.memory import advice
from isengard.trainer.backends.native.processes import make_accelerator, numbered
from isengard.trainer.backends.native.samples import Sampler
from isengard.trainer.cache import Cache, write_tensors
from isengard.trainer.config import TrainingConfig
from isengard.trainer.families.interface import Family
from isengard.trainer.job import JobFolder
from isengard.trainer.reporter import SilentReporter
from isengard.trainer.wishes import Wishes


def config(**changes: Any) -> TrainingConfig:
    return TrainingConfig(
        **{"name": "Ada", "trigger_word": "ohwx", "sample_prompts": ("one", "two"), "device": "cpu", **changes}
    )


def test_a_gpu_is_known_by_its_number_for_threads_that_set_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """accelerate says `cuda` in a process that trains alone, which torch does not take where a GPU is chosen."""
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    with pytest.raises(ValueError, match="specified index"):
        torch.cuda.set_device(torch.device("cuda"))
    assert numbered(torch.device("cuda")) == torch.device("cuda", 1)
    assert numbered(torch.device("cuda", 0)) == torch.device("cuda", 0)
    assert numbered(torch.device("cpu")) == torch.device("cpu")


def test_what_accelerate_says_is_numbered_where_it_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody asks the accelerator for the device."""
    monkeypatch.setattr(
        "isengard.trainer.backends.native.processes.numbered", lambda device: torch.device(device.type, 0)
    )
    made = make_accelerator(config())
    try:
        assert made.device == torch.device("cpu", 0)
    finally:
        made.state.device = torch.device("cpu")


@pytest.mark.parametrize(
    ("settings", "planned", "said"),
    [
        ({}, {}, "gradient_checkpointing on"),
        ({}, {"recompute_blocks": 20}, "gradient_checkpointing on"),
        ({}, {"recompute_blocks": 57, "swap_blocks": 33}, "swap_blocks=43"),
        ({}, {"recompute_blocks": 57, "swap_blocks": 50}, "swap_blocks=57"),
        ({}, {"recompute_blocks": 57, "swap_blocks": 57}, "rank from 16 to 8"),
        ({"gradient_checkpointing": True}, {}, "swap_blocks=40"),
        ({"gradient_checkpointing": True, "swap_blocks": 0}, {}, "swap_blocks=10"),
        ({"gradient_checkpointing": True, "swap_blocks": 57}, {}, "rank from 16 to 8"),
        ({"gradient_checkpointing": True, "base_weights": "full"}, {}, "base_weights=auto"),
    ],
)
def test_a_full_memory_is_told_with_what_helps_most(
    settings: dict[str, Any], planned: dict[str, int], said: str
) -> None:
    """Blocks that wait in the main memory come before a smaller rank, which saves little and begins anew. What the plan
    gives up already would help nobody."""
    assert said in advice(config(**settings), planned)


class FullFamily:
    """A family whose decoder finds no room on the GPU."""

    def __init__(self) -> None:
        self.decoders: list[str] = []

    def load_decoder(self, _folder: Path, device: torch.device) -> FullDecoder:
        self.decoders.append(device.type)
        return FullDecoder(device)

    def sample(self, *_parts: Any, **_settings: Any) -> Tensor:
        return torch.zeros(1)


class FullDecoder:
    def __init__(self, device: torch.device) -> None:
        self.device = device

    def decode(self, _latents: Tensor) -> Image.Image:
        if self.device.type == "cuda":
            raise torch.OutOfMemoryError("CUDA out of memory")
        return Image.new("RGB", (8, 8), "teal")


class Plain:
    """In the place of a LoRA of which nothing is asked."""

    def best_in_place(self) -> Any:
        return torch.no_grad()


def sampler(folder: Path, family: FullFamily, device: str) -> Sampler:
    job = JobFolder.create(folder, config(family="mini"), [])
    cache = Cache(job.cache, "test")
    cache.begin()
    for text in ("one", "two"):
        write_tensors(cache.text_file(text), {})
    return Sampler(job, job.config(), cast(Family, family), cache, SilentReporter(), torch.device(device))


def test_a_picture_that_does_not_fit_beside_the_model_is_decoded_by_the_processor(tmp_path: Path) -> None:
    """What is free is known in bytes and not in pieces: a training of hours must not end by a picture."""
    family = FullFamily()
    made = sampler(tmp_path / "job", family, "cuda")
    wishes = Wishes(tmp_path / "control.json")
    made.sample(nn.Identity(), cast(Adapter, Plain()), 10, torch.float32, wishes)
    assert [made.file(10, index).is_file() for index in (0, 1)] == [True, True]
    assert family.decoders == ["cuda", "cpu"], "the second picture is not tried there again"


def test_training_gets_back_what_pictures_have_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the decoder gone; what torch keeps for later would count as taken, and Windows then lends main memory."""
    alive: weakref.WeakSet[FullDecoder] = weakref.WeakSet()
    left: list[int] = []
    load = FullFamily.load_decoder

    def watched(family: FullFamily, folder: Path, device: torch.device) -> FullDecoder:
        made = load(family, folder, device)
        alive.add(made)
        return made

    monkeypatch.setattr(FullFamily, "load_decoder", watched)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: left.append(len(alive)))
    made = sampler(tmp_path / "job", FullFamily(), "cuda")
    made.sample(nn.Identity(), cast(Adapter, Plain()), 10, torch.float32, Wishes(tmp_path / "control.json"))
    assert left[-1] == 0


def test_a_lora_is_saved_without_a_picture_where_none_can_be_read(tmp_path: Path) -> None:
    """A sample is a person's file: it may be cut short, or be something else by now. What was made before the first
    step shows nothing of the LoRA."""
    made = sampler(tmp_path / "job", FullFamily(), "cpu")
    (tmp_path / "job" / "samples").mkdir()
    assert made.thumbnail() is None
    Image.new("RGB", (8, 8), "teal").save(made.file(0, 0))
    assert made.thumbnail() is None
    Image.new("RGB", (8, 8), "teal").save(made.file(10, 0))
    found = made.thumbnail()
    assert found is not None
    assert found.getpixel((0, 0)) == (0, 128, 128)
    made.file(20, 0).write_bytes(made.file(10, 0).read_bytes()[:30])
    assert made.thumbnail() is None
    made.file(20, 0).write_text("no picture", encoding="utf-8")
    assert made.thumbnail() is None
