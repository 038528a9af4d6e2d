"""Pictures that sum a training up: a labelled grid of photos and samples, and a chart of the loss."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont, ImageOps

from ..files import written_aside

_CELL = 192
_GAP = 10
_MARGIN = 24
_LABEL = 190
_INK, _FAINT, _PAPER = (28, 28, 34), (110, 110, 122), (250, 249, 246)


@dataclass(frozen=True)
class Row:
    """One line of the grid: what it is, a few words more, and its pictures."""

    title: str
    note: str
    pictures: Sequence[Image.Image]


def write_grid(path: Path, title: str, rows: Sequence[Row], captions: Sequence[str] = ()) -> None:
    """Writes the grid as a PNG: a row each, its label on the left; captions stand under the last row's columns."""
    columns = max(len(row.pictures) for row in rows)
    heading, wrapped = 56, [textwrap.wrap(text, 27) for text in captions]
    foot = 20 * max((len(lines) for lines in wrapped), default=0) + (12 if captions else 0)
    width = 2 * _MARGIN + _LABEL + columns * (_CELL + _GAP) - _GAP
    height = 2 * _MARGIN + heading + len(rows) * (_CELL + _GAP) - _GAP + foot
    sheet = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((_MARGIN, _MARGIN), title, fill=_INK, font=_font(26))
    for number, row in enumerate(rows):
        top = _MARGIN + heading + number * (_CELL + _GAP)
        _label(draw, row, top)
        for column, picture in enumerate(row.pictures):
            left = _MARGIN + _LABEL + column * (_CELL + _GAP)
            _place(sheet, picture, left, top)
    for column, lines in enumerate(wrapped):
        left = _MARGIN + _LABEL + column * (_CELL + _GAP)
        draw.multiline_text(
            (left, height - _MARGIN - foot + 12), "\n".join(lines), fill=_FAINT, font=_font(13), spacing=5
        )
    with written_aside(path) as aside:
        sheet.save(aside, format="PNG")


def write_loss_chart(path: Path, losses: Sequence[dict[str, Any]], title: str) -> None:
    """Writes the chart of loss events: raw values faint, the smoothed curve on top, the learning rate below."""
    from matplotlib.figure import Figure

    by_step = {event["step"]: event for event in losses}  # after a resume the last line of a step counts
    steps = sorted(by_step)
    figure = Figure(figsize=(9, 5), layout="constrained")
    chart, rate = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
    chart.plot(steps, [by_step[step]["loss"] for step in steps], color="#b9c4d6", linewidth=0.8, label="each step")
    chart.plot(steps, [by_step[step]["smoothed"] for step in steps], color="#24539b", linewidth=2, label="smoothed")
    chart.set(title=title, ylabel="loss")
    chart.legend(frameon=False)
    rate.plot(steps, [by_step[step]["learning_rate"] for step in steps], color="#8a5a00")
    rate.set(xlabel="step", ylabel="learning rate", ylim=(0, None))
    for axes in (chart, rate):
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    with written_aside(path) as aside:
        figure.savefig(aside, format="png", dpi=110)


def _label(draw: ImageDraw.ImageDraw, row: Row, top: int) -> None:
    draw.text((_MARGIN, top + 6), row.title, fill=_INK, font=_font(17))
    draw.multiline_text(
        (_MARGIN, top + 34), "\n".join(textwrap.wrap(row.note, 24)), fill=_FAINT, font=_font(13), spacing=5
    )


def _place(sheet: Image.Image, picture: Image.Image, left: int, top: int) -> None:
    """Puts a picture into its cell whole, keeping its shape, enlarged without blur artefacts."""
    fitted = ImageOps.contain(picture.convert("RGB"), (_CELL, _CELL), Image.Resampling.LANCZOS)
    sheet.paste(fitted, (left + (_CELL - fitted.width) // 2, top + (_CELL - fitted.height) // 2))


def _font(size: int) -> Any:
    return ImageFont.load_default(size)
