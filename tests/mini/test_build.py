"""`mini build --quick`: every stage runs, and a build that was killed goes on instead of beginning again."""

from __future__ import annotations

import dataclasses
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from isengard.trainer.mini.build import build, main, quick_plan
from isengard.trainer.mini.data import Shape, batches, shapes
from isengard.trainer.mini.pretrain import face_weights

ROOT = Path(__file__).resolve().parents[2]
KILLED = """
import os, runpy, signal, sys

saved = []

def touched(event, values):
    if event == "os.rename" and os.path.basename(values[1]).startswith("pretrained"):
        saved.append(values)
        if len(saved) == 2:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(touched)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""`python <arguments>` that is killed between two saves of one stage."""


def test_every_shape_gets_its_own_seeds_and_a_pass_repeats_no_picture() -> None:
    """No picture is drawn twice, batches have one size, and one pass over them is one pass over the pictures."""
    plan = shapes(200)
    seeds = [seed for shape in plan for seed in range(shape.first_seed, shape.first_seed + shape.count)]
    assert len(set(seeds)) == len(seeds)
    stream, passed = batches(plan, 4, seed=1), sum(shape.count // 4 for shape in plan)
    parts = [next(stream) for _ in range(passed)]
    seen = [shape.first_seed + int(pick) for shape, picks in parts for pick in picks]
    assert {len(picks) for _, picks in parts} == {4}
    assert len(set(seen)) == len(seen) > len(seeds) - 4 * len(plan)


@pytest.mark.parametrize("shape", shapes(200), ids=lambda shape: shape.name)
def test_a_face_weighs_more_than_what_is_around_it(shape: Shape) -> None:
    """The corners of a picture weigh the same and less than the face, whatever the framing; the mean is 1."""
    for weights in face_weights(shape, 2.5).values():
        grid = weights.reshape(shape.height // 16, shape.width // 16)
        assert weights.mean() == pytest.approx(1)
        assert grid[len(grid) // 2, grid.shape[1] // 2] == pytest.approx(2.5 * grid[0, 0].item())
        assert 0.05 < (grid > 1).float().mean() < 0.8


@pytest.mark.slow
def test_a_quick_build_makes_a_whole_model_and_goes_on_after_a_kill(tmp_path: Path) -> None:
    """Killed once in the middle, the same command ends with a model folder and repeats no finished stage."""
    work, out = tmp_path / "work", tmp_path / "model"
    arguments = [str(ROOT), "mini", "build", "--quick", "--work", str(work), "--out", str(out)]
    command = [sys.executable, *arguments]
    first = subprocess.run(
        [sys.executable, "-c", KILLED, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
    )
    assert first.returncode == -signal.SIGKILL
    assert (work / "pretrained.ckpt").exists()
    assert not (work / "pretrained.pt").exists()
    assert not out.exists()
    kept = {path.name: path.stat().st_mtime_ns for path in work.glob("*.npy")} | {
        "autoencoder.pt": (work / "autoencoder.pt").stat().st_mtime_ns
    }
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    assert {name: (work / name).stat().st_mtime_ns for name in kept} == kept
    parts = ["model_index.json", "reader", "scheduler", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2"]
    assert sorted(path.name for path in out.iterdir()) == [*parts, "transformer", "vae"]
    assert not list(tmp_path.glob(".mini-*"))


def test_a_work_folder_of_another_plan_is_refused(tmp_path: Path) -> None:
    """Checkpoints of one plan never continue another."""
    (tmp_path / "plan.json").write_text('"other"', encoding="utf-8")
    with pytest.raises(ValueError, match="begun with another plan"):
        build(dataclasses.replace(quick_plan(), seed=2), tmp_path, tmp_path / "out", torch.device("cpu"))


def test_a_quick_build_may_not_replace_the_shipped_model(capsys: pytest.CaptureFixture[str]) -> None:
    """The smoke version needs a folder of its own."""
    with pytest.raises(SystemExit):
        main(["build", "--quick"])
    assert "--quick needs --out" in capsys.readouterr().err
