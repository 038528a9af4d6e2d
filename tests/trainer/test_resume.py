"""A training that was cut off goes on to the very LoRA that it would have become."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from isengard.tests.trainer.jobs import (
    PATIENCE,
    RunHere,
    assert_gapless,
    assert_nothing_half_written,
    assert_same_lora,
    copy_job,
    events_of,
    lora_of,
    losses_of,
    make_small_job,
    start,
    states_of,
    train,
    until_halted,
)
from isengard.trainer.job import ExitCode, JobFolder
from isengard.trainer.lock import read_owner

pytestmark = pytest.mark.slow
KILLED = -signal.SIGKILL


def halted_at(job: JobFolder, *arguments: str, **moment: Any) -> subprocess.Popen[str]:
    """A trainer that has halted itself at a moment, however long ago."""
    process = start("train", job.path, "--quiet", *arguments, halt=moment)
    until_halted(process)
    return process


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()
    assert process.returncode == KILLED, "it ended before it was killed"


def finish(job: JobFolder, run_here: RunHere) -> None:
    """Goes on to the end, in this process: only what is killed needs one of its own."""
    assert (run_here(job), job.state().state) == (ExitCode.DONE, "done")
    assert_gapless(job)
    assert_nothing_half_written(job.path)


def test_the_reference_learns_something(reference: JobFolder) -> None:
    """All comparisons below would pass for a training that does nothing."""
    losses = losses_of(reference)
    assert sorted(losses) == list(range(1, 13))
    assert len(set(losses.values())) > 6
    assert all(event["grad_norm"] > 0 for event in events_of(reference, "loss"))
    assert all(tensor.abs().max() > 0 for tensor in lora_of(reference).values())


def test_killed_at_any_moment_it_ends_in_the_same_lora(reference: JobFolder, tmp_path: Path, run_here: RunHere) -> None:
    """While preparing, between checkpoints, in the middle of writing one, while sampling: one after the other."""
    job = JobFolder(make_small_job(tmp_path).path)
    assert [entry.sha256 for entry in job.dataset()] == [entry.sha256 for entry in reference.dataset()]

    kill(halted_at(job, type="progress", phase="encode", done=1))
    assert any(job.cache.glob("latents/*.safetensors"))
    assert job.state().state == "preparing"
    assert read_owner(job.lock_file) is None

    kill(halted_at(job, type="loss", step=6))
    assert (job.state().state, job.state().step) == ("training", 4)

    before = sorted(job.checkpoints.glob("step_*"))
    kill(halted_at(job, renames="step_000008"))
    assert list(job.checkpoints.glob(".step_*.tmp")), "nothing was half-written"
    assert sorted(job.checkpoints.glob("step_*")) == before

    kill(halted_at(job, type="progress", phase="sample", step=8))

    for name in (".state.json.0a1b2c3d.tmp", "samples/.step_000008_0.png.0a1b2c3d.tmp"):  # and within a smaller file
        (job.path / name).write_bytes(b"half")

    finish(job, run_here)
    assert states_of(job)[-3:] == ["preparing", "training", "done"]
    assert losses_of(job) == losses_of(reference)
    assert sorted(path.name for path in job.samples.iterdir()) == sorted(
        path.name for path in reference.samples.iterdir()
    )
    assert_same_lora(job, reference)


def test_sigterm_saves_the_step_and_the_job_goes_on_in_another_place(
    job: JobFolder, reference: JobFolder, tmp_path: Path, run_here: RunHere
) -> None:
    """Exit code and state say interrupted; the folder, moved elsewhere, holds all that is needed."""
    process = halted_at(job, type="loss", step=5)
    process.terminate()
    process.send_signal(signal.SIGCONT)
    output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == ExitCode.INTERRUPTED, output
    state = job.state()
    assert (state.state, state.reason) == ("interrupted", "ended by SIGTERM")
    assert 5 <= state.step < 12
    assert (job.checkpoints / f"step_{state.step:06d}" / "state.pt").is_file()
    assert not job.lock_file.exists()

    moved = JobFolder(tmp_path / "elsewhere" / "renamed")
    moved.path.parent.mkdir()
    job.path.rename(moved.path)
    finish(moved, run_here)
    assert_same_lora(moved, reference)


def test_a_finished_job_elsewhere_is_still_done(reference: JobFolder, tmp_path: Path) -> None:
    """It is not trained again, and its result is found."""
    copied = copy_job(reference, tmp_path / "copy")
    before = copied.events_file.read_bytes()
    code, output = train(copied.path)
    assert code == ExitCode.DONE, output
    assert copied.events_file.read_bytes() == before
    assert_same_lora(copied, reference)


def test_with_averaging_and_accumulation_it_ends_in_the_same_lora(
    prepared: JobFolder, tmp_path: Path, run_here: RunHere
) -> None:
    """The average and the optimizer's moments are in the checkpoint; the LoRA's dropout is drawn again alike."""
    whole, broken = (copy_job(prepared, tmp_path / name) for name in ("whole", "broken"))
    settings = ("ema_decay=0.9", "gradient_accumulation=2", "lora_dropout=0.1", "steps=8", "sample_every=0",
                "class_preservation=0.5", "lora_plus_ratio=4")  # fmt: skip
    changes = [f"--set={setting}" for setting in settings]
    code, output = train(whole.path, *changes)
    assert code == ExitCode.DONE, output
    kill(halted_at(broken, *changes, type="loss", step=6))
    finish(broken, run_here)
    assert_same_lora(broken, whole)
    held = {event["step"] for event in events_of(whole, "loss") if "class_loss" in event}
    assert held == {2, 4, 6, 8}, "every second step also holds the class"


@pytest.mark.parametrize("share", [0.5, 1.5], ids=["in the LoRA", "in the full state"])
def test_a_disk_full_in_the_middle_of_a_checkpoint_loses_nothing(
    job: JobFolder, reference: JobFolder, share: float, run_here: RunHere
) -> None:
    """The job has failed with DISK_FULL, no file is half-written, and with room again it goes on as if nothing was."""
    (lora,) = reference.lora.iterdir()
    code, output = train(job.path, limit=int(lora.stat().st_size * share))
    state = job.state()
    assert (code, state.state) == (ExitCode.FAILED, "failed"), output
    assert state.error is not None
    assert state.error["code"] == "DISK_FULL"
    assert state.error["hint"]
    assert [event["code"] for event in events_of(job, "error")] == ["DISK_FULL"]
    assert list(job.checkpoints.iterdir()) == []
    assert_nothing_half_written(job.path)
    finish(job, run_here)
    assert_same_lora(job, reference)
