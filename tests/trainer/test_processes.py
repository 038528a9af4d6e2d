"""Several processes that train one job together, on the CPU."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from isengard import settings
from isengard.process import birth_time
from isengard.tests.ports import free_port
from isengard.tests.trainer.jobs import (
    PATIENCE,
    assert_gapless,
    event_seen,
    lora_of,
    losses_of,
    start,
    states_of,
    train,
    until,
)
from isengard.trainer.job import ExitCode, JobFolder

pytestmark = pytest.mark.slow


HALTING = """
import os, signal, sys

def touched(event, values):
    if event == "os.rename" and str(values[1]).endswith("step_000004"):
        os.kill(os.getpid(), signal.SIGSTOP)

sys.addaudithook(touched)
"""
"""A sitecustomize.py that has the process which saves halt itself before its first checkpoint is there."""


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


def assert_same_training(job: JobFolder, reference: JobFolder) -> None:
    """Every step's loss to 1e-5, the LoRA nearly so: gradients are added in another order."""
    import torch

    assert losses_of(job) == pytest.approx(losses_of(reference), rel=1e-5)
    ours, theirs = lora_of(job), lora_of(reference)
    for name, tensor in ours.items():
        torch.testing.assert_close(tensor, theirs[name], rtol=1e-3, atol=1e-5, msg=name)


def test_two_processes_train_as_one_does(job: JobFolder, reference: JobFolder) -> None:
    """Same losses, same LoRA, one reporter; and running it again finds it done."""
    code, output = train(job.path, "--processes", 2)
    assert (code, job.state().state) == (ExitCode.DONE, "done"), output
    assert states_of(job) == ["preparing", "training", "done"]
    assert_same_training(job, reference)
    assert train(job.path, "--processes", 2)[0] == ExitCode.DONE


def halted(pid: int) -> list[int]:
    """Those children of a process that have halted themselves."""
    return [child for child in children(pid) if psutil.Process(child).status() == psutil.STATUS_STOPPED]


def opened(pid: int) -> set[str]:
    """What a process has open."""
    return {str(file.readlink()) for file in Path(f"/proc/{pid}/fd").iterdir()}


def test_sigterm_to_the_launcher_saves_the_step_for_a_resume(
    job: JobFolder, reference: JobFolder, tmp_path: Path
) -> None:
    """All processes end; going on, with another number of them, gives the same losses."""
    (tmp_path / "sitecustomize.py").write_text(HALTING, encoding="utf-8")
    process = start("train", job.path, "--quiet", "--processes", 2, environment={"PYTHONPATH": str(tmp_path)})
    until(lambda: halted(process.pid), process)
    those = {pid: birth_time(pid) for pid in children(process.pid)}
    assert len(those) == 2
    (first,) = halted(process.pid)
    lifeline = str(Path(f"/proc/{first}/fd/0").readlink())
    process.terminate()
    until(lambda: lifeline not in opened(process.pid), process)
    os.kill(first, signal.SIGCONT)
    output, _ = process.communicate(timeout=PATIENCE)
    assert (process.returncode, job.state().state) == (ExitCode.INTERRUPTED, "interrupted"), output
    assert not any(birth_time(pid) == birth for pid, birth in those.items())
    step = job.state().step
    assert (job.checkpoints / f"step_{step:06d}" / "state.pt").is_file()
    code, output = train(job.path)
    assert code == ExitCode.DONE, output
    assert_same_training(job, reference)
    assert_gapless(job)


def test_the_processes_end_when_the_launcher_is_killed(job: JobFolder) -> None:
    """kill -9: they save, end, and leave the job interrupted."""
    job.write_config(job.config().replace(steps=50_000, save_every=1000, sample_every=0))  # not done before the kill
    process = start("train", job.path, "--quiet", "--processes", 2)
    until(event_seen(job, type="loss", step=2), process)
    those = {pid: birth_time(pid) for pid in children(process.pid)}
    process.kill()
    process.communicate()
    until(lambda: not any(birth_time(pid) == birth for pid, birth in those.items()), pause=0.05)
    assert job.state().state == "interrupted"
    assert job.state().step >= 2


def test_accelerate_launch_starts_the_same_command(job: JobFolder, reference: JobFolder) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "accelerate.commands.launch", "--cpu", "--num_machines", "1", "--num_processes", "2",
         "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", str(free_port()),
         str(settings.PACK / "__main__.py"), "train", str(job.path), "--quiet"],
        env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert (done.returncode, job.state().state) == (ExitCode.DONE, "done"), done.stderr
    assert_same_training(job, reference)


@pytest.mark.parametrize(
    ("processes", "code"), [(3, "PROCESSES_DO_NOT_DIVIDE"), (4, "PROCESSES_DO_NOT_DIVIDE"), (0, "USAGE"), (-1, "USAGE")]
)
def test_a_number_of_processes_that_cannot_share_a_step_is_refused(job: JobFolder, processes: int, code: str) -> None:
    """Before anything is started."""
    exit_code, output = train(job.path, "--processes", processes)
    assert exit_code == ExitCode.REFUSED
    assert code in output
    assert (job.state().state, job.state().attempt) == ("queued", 0)
