"""The demo, from the command line to the pictures."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image
from safetensors import safe_open

from isengard import settings
from isengard.cli.demo import _clear as clear
from isengard.errors import IsengardError
from isengard.tests.warm.interpreter import taken_for
from isengard.trainer.job import JobFolder
from isengard.trainer.mini import CHARACTER_DIR
from isengard.trainer.plan import change_config, make_job
from isengard.trainer.presets import preset_config


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [taken_for(sys.executable), str(settings.PACK), "demo", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


@pytest.mark.slow
def test_the_demo_leaves_pictures_a_chart_a_report_and_a_lora(tmp_path: Path) -> None:
    """A short one; all that it leaves makes room for the next."""
    out = tmp_path / "out"
    done = demo("--out", str(out), "--steps", "6")
    assert done.returncode == 0, done.stderr + done.stdout
    (lora,) = out.glob("*.safetensors")
    assert lora.name in done.stdout
    assert "Next:" in done.stdout
    report = json.loads((out / "report.json").read_text())
    assert report["lora"] == lora.name
    assert report["settings"]["steps"] == 6
    assert 0 < report["peak_memory_bytes"]["trainer"] < 3 * 2**30
    with safe_open(lora, "pt") as file:
        assert file.metadata()["modelspec.trigger_phrase"].split()[0] == report["trigger_word"]
        assert len(list(file.keys())) > 0
    for name in ("samples.png", "loss.png"):
        with Image.open(out / name) as picture:
            picture.load()
            assert min(picture.size) > 400
    clear(out)
    assert list(out.iterdir()) == []


@pytest.mark.slow
def test_the_demo_leaves_other_peoples_folders_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    done = demo("--out", str(tmp_path))
    assert done.returncode == 2
    assert "JOB_EXISTS" in done.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.slow
def test_no_steps_are_refused_and_not_passed_over(tmp_path: Path) -> None:
    done = demo("--out", str(tmp_path / "out"), "--steps", "0")
    assert done.returncode == 2
    assert "steps must be" in done.stderr


@pytest.mark.slow
def test_ctrl_c_ends_a_demo_in_words(tmp_path: Path) -> None:
    """No trace of a stack, and the training is stopped with its step saved."""
    command = [sys.executable, str(settings.PACK), "demo", "--out", str(tmp_path / "out"), "--steps", "5000"]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background it is ignored
    try:
        running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    finally:
        signal.signal(signal.SIGINT, before)
    job = JobFolder(tmp_path / "out" / "job")
    deadline = time.monotonic() + 240
    while not (job.state_file.is_file() and job.state().state == "training"):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    running.send_signal(signal.SIGINT)
    _, told = running.communicate(timeout=240)
    assert running.returncode == 130
    assert "Traceback" not in told
    assert told.rstrip().endswith("Stopped.")
    assert (job.state().state, job.owner()) == ("interrupted", None)


def test_only_an_earlier_demo_makes_room_for_a_new_one(tmp_path: Path) -> None:
    """With its own files: a job and LoRAs that lie beside it are somebody's work."""
    made = make_job(
        tmp_path / "job",
        lambda photos: preset_config("quick", "mini", photos, name="Mira", trigger_word="ohwx", class_word="woman"),
        CHARACTER_DIR,
    ).job
    with pytest.raises(IsengardError) as caught:
        clear(tmp_path)
    assert caught.value.code == "JOB_EXISTS"
    assert made.config().name == "Mira"
    change_config(made, {"name": "Ada"})
    made.lora.mkdir()
    for file in (made.lora / "ada_1.safetensors", tmp_path / "ada_1.safetensors", tmp_path / "mine.safetensors"):
        file.write_bytes(b"weights")
    (tmp_path / "report.json").write_text("{}")
    clear(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["mine.safetensors"]
    (tmp_path / "file").write_text("x")
    with pytest.raises(IsengardError) as caught:
        clear(tmp_path / "file")
    assert caught.value.code == "JOB_EXISTS"
