"""The grid of pictures and the chart of the loss, as files a person opens."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from isengard.cli.sheets import Row, write_grid, write_loss_chart

RED, BLUE = (200, 30, 30), (30, 30, 200)


def test_the_grid_shows_every_picture_whole_and_in_its_row(tmp_path: Path) -> None:
    """Two rows of two: the upper ones red, the lower ones blue, a tall one not cut."""
    upper = Row("Photos", "two of them", [Image.new("RGB", (64, 64), RED), Image.new("RGB", (50, 100), RED)])
    lower = Row("After", "", [Image.new("RGB", (128, 128), BLUE), Image.new("RGB", (128, 128), BLUE)])
    write_grid(tmp_path / "grid.png", "Ada", [upper, lower], ["a short prompt", "a prompt so long that it wraps " * 3])
    pixels = np.asarray(Image.open(tmp_path / "grid.png").convert("RGB")).astype(int)
    red = np.abs(pixels - RED).max(axis=2) < 12
    blue = np.abs(pixels - BLUE).max(axis=2) < 12
    cell = 192 * 192
    assert red.sum() == cell * 3 // 2, "the square fills its cell, the tall one half of its"
    assert blue.sum() == 2 * cell
    assert red.nonzero()[0].max() < blue.nonzero()[0].min()
    assert (pixels[blue.nonzero()[0].max() + 1 :] < 150).any(), "captions stand below"


def test_the_chart_draws_the_last_value_of_a_step_that_came_twice(tmp_path: Path) -> None:
    """After a resume, the steps since the last checkpoint come again."""
    once = [{"step": n, "loss": 1.0, "smoothed": 1.0, "learning_rate": 1e-4} for n in range(1, 6)]
    again = [{**event, "loss": 9.0, "smoothed": 9.0} for event in once[2:]]
    write_loss_chart(tmp_path / "twice.png", [*once[2:], *again, *once[:2]], "Ada")
    write_loss_chart(tmp_path / "clean.png", [*once[:2], *again], "Ada")
    assert np.array_equal(
        np.asarray(Image.open(tmp_path / "twice.png")), np.asarray(Image.open(tmp_path / "clean.png"))
    )
    write_loss_chart(tmp_path / "other.png", once, "Ada")
    assert (tmp_path / "other.png").read_bytes() != (tmp_path / "clean.png").read_bytes()
