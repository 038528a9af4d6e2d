"""A base model takes minutes to load from a slow disk: who stops the training meanwhile does not wait for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from isengard.tests.trainer.jobs import RunHere, assert_same_lora, copy_job, states_of
from isengard.trainer.families import load_family
from isengard.trainer.families.interface import LoadingStopped, Placement
from isengard.trainer.job import ExitCode, JobFolder, TrainingConfig, ask


def test_loading_ends_before_the_next_tensor() -> None:
    asked = []

    def stopped() -> bool:
        asked.append(1)
        return len(asked) > 3

    config = TrainingConfig(name="Ada", trigger_word="ohwx", family="mini", sample_every=0)
    with pytest.raises(LoadingStopped):
        load_family("mini").load_transformer(config, torch.float32, Placement(torch.device("cpu"), stopped=stopped))
    assert len(asked) == 4


@pytest.mark.slow
@pytest.mark.parametrize(
    ("wish", "code", "state"), [("cancel", ExitCode.CANCELLED, "cancelled"), ("pause", ExitCode.PAUSED, "paused")]
)
def test_the_job_is_stopped_at_once_and_can_go_on(
    prepared: JobFolder, reference: JobFolder, tmp_path: Path, run_here: RunHere, wish: str, code: ExitCode, state: str
) -> None:
    job = copy_job(prepared, tmp_path / "job")

    def stop(event: dict[str, Any]) -> None:
        if str(event.get("message", "")).startswith("loading Isengard mini"):
            ask(job.control_file, stop=wish)

    assert run_here(job, stop) == code
    assert states_of(job) == ["preparing", state], "it was loaded to the end all the same"
    if wish == "pause":
        assert run_here(job) == ExitCode.DONE
        assert_same_lora(job, reference)
