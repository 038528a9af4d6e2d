"""A training whose log finds no room on the disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from isengard.tests.trainer.jobs import RunHere, assert_gapless, assert_same_lora, copy_job
from isengard.trainer.job import ExitCode, JobFolder

pytestmark = pytest.mark.slow


def test_it_trains_to_the_same_end(
    prepared: JobFolder, reference: JobFolder, tmp_path: Path, run_here: RunHere, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every line of the log is refused, as by a full disk; the events have room."""
    job = copy_job(prepared, tmp_path / "job")
    job.log_file.symlink_to("/dev/full")
    assert run_here(job) == ExitCode.DONE
    assert job.state().state == "done"
    assert_gapless(job)
    assert_same_lora(job, reference)
    assert capsys.readouterr().err.count("No space left on device") == 1
