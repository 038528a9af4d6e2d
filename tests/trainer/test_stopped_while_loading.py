"""Models take minutes to load from a slow disk: who stops the training meanwhile does not wait for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from isengard.tests.trainer.jobs import RunHere, assert_same_lora, copy_job, make_small_job, states_of
from isengard.trainer.families import load_family
from isengard.trainer.families.interface import LoadingStopped, Placement
from isengard.trainer.job import ExitCode, JobFolder, TrainingConfig, ask
from isengard.trainer.prepare import is_prepared


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


@pytest.mark.slow
def test_preparing_is_stopped_while_the_text_encoders_are_loaded(tmp_path: Path, run_here: RunHere) -> None:
    """What was encoded until then stays, and the rest is made when the job goes on."""
    job = make_small_job(tmp_path)

    def stop(event: dict[str, Any]) -> None:
        if event.get("phase") == "encode" and not str(event.get("message", "photos/")).startswith("photos/"):
            ask(job.control_file, stop="cancel")

    assert run_here(job, stop, only_prepare=True) == ExitCode.CANCELLED
    assert states_of(job) == ["preparing", "cancelled"]
    assert len(list(job.cache.glob("latents/*"))) == 4
    assert list(job.cache.glob("conditioning/*")) == [], "the encoder was loaded to the end all the same"
    assert run_here(job, only_prepare=True) == ExitCode.DONE
    assert is_prepared(job, job.config())
