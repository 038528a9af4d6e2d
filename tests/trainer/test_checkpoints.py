"""Which checkpoints are kept, and which are gone on from."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import torch

from isengard.trainer.backends.native.checkpoints import Checkpoints


def lora(folder: Path) -> Path:
    """A LoRA in a checkpoint."""
    file = folder / "lora.safetensors"
    file.write_bytes(b"weights")
    return file


def states(made: Checkpoints) -> list[int]:
    return sorted(int(file.parent.name.removeprefix("step_")) for file in made.folder.glob("step_*/state.pt"))


def save(made: Checkpoints, *steps: int) -> None:
    for step in steps:
        made.save(step, {"step": step}, lora)


def test_the_newest_two_states_are_kept_and_all_loras(tmp_path: Path) -> None:
    made = Checkpoints(tmp_path)
    save(made, 10, 20, 30)
    assert states(made) == [20, 30]
    assert len(list(tmp_path.glob("step_*/lora.safetensors"))) == 3
    assert made.newest() == (30, {"step": 30})


def test_damaged_checkpoints_do_not_push_out_the_good_ones(tmp_path: Path) -> None:
    """After two that a failing disk has spoilt, it goes on from an earlier one, and what is saved from there counts."""
    made = Checkpoints(tmp_path)
    save(made, 10, 20)
    (tmp_path / "step_000030").mkdir()
    (tmp_path / "step_000040").mkdir()
    for step in (30, 40):
        (tmp_path / f"step_{step:06d}" / "state.pt").write_bytes(b"half")
        (tmp_path / f"step_{step:06d}" / "checkpoint.json").write_text("[]", encoding="utf-8")
    assert made.newest() == (20, {"step": 20})
    save(made, 25)
    assert made.newest() == (25, {"step": 25})
    assert states(made) == [20, 25]


def test_a_state_is_written_without_a_second_one_in_memory(tmp_path: Path) -> None:
    """That of a LoRA for FLUX with its optimizer is about a gigabyte."""
    state = {"weights": torch.ones(10_000_000)}
    tracemalloc.start()
    try:
        Checkpoints(tmp_path).save(1, state, lora)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (tmp_path / "step_000001" / "state.pt").stat().st_size > 40_000_000
    assert peak < 4_000_000
