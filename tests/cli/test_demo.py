"""The demo, from the command line to the pictures."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from safetensors import safe_open

from isengard import settings
from isengard.cli.demo import _clear as clear
from isengard.errors import IsengardError
from isengard.trainer.mini import CHARACTER_DIR
from isengard.trainer.plan import change_config, make_job
from isengard.trainer.presets import preset_config


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(settings.PACK), "demo", *arguments]
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
