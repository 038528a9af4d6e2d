"""Draws what nodes show beside photos: the chart of a training's loss, and a labelled grid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image

Point = tuple[int, float, float, float]
"""Step, loss, smoothed loss, learning rate."""
_INK, _FAINT, _PAPER, _RAW, _LINE = (28, 28, 34), (120, 120, 130), (250, 249, 246), (185, 196, 214), (36, 83, 155)
_MARGIN = 56
_LABEL = 130


def loss_chart(points: Sequence[Point], title: str, size: tuple[int, int] = (720, 400)) -> Image.Image:
    """The loss of each step faintly, the smoothed one over it; an empty field where there are no steps yet."""
    from PIL import Image, ImageDraw

    width, height = size
    chart = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(chart)
    draw.text((_MARGIN, 16), title, fill=_INK, font=_font(17))
    if len(points) < 2:
        draw.text((_MARGIN, height // 2), "No steps yet", fill=_FAINT, font=_font(15))
        return chart
    first, last = points[0][0], points[-1][0]
    low = min(min(point[1], point[2]) for point in points)
    high = max(max(point[1], point[2]) for point in points)
    span = (high - low) or 1.0

    def at(step: int, loss: float) -> tuple[float, float]:
        x = _MARGIN + (step - first) / max(1, last - first) * (width - 2 * _MARGIN)
        return x, height - _MARGIN - (loss - low) / span * (height - 2 * _MARGIN)

    for share in (0.0, 0.5, 1.0):
        y = at(first, low + share * span)[1]
        draw.line([(_MARGIN, y), (width - _MARGIN, y)], fill=(225, 224, 220))
        draw.text((8, y - 8), f"{low + share * span:.3f}", fill=_FAINT, font=_font(13))
    draw.line([at(point[0], point[1]) for point in points], fill=_RAW)
    draw.line([at(point[0], point[2]) for point in points], fill=_LINE, width=3)
    draw.text((_MARGIN, height - 40), f"step {first}", fill=_FAINT, font=_font(13))
    draw.text((width - _MARGIN - 70, height - 40), f"step {last}", fill=_FAINT, font=_font(13))
    return chart


def labelled_grid(
    rows: Sequence[str], columns: Sequence[str], pictures: Sequence[Sequence[Image.Image]]
) -> Image.Image:
    """A sheet with a row and a column for each label; all cells are as large as the largest picture."""
    from PIL import Image, ImageDraw, ImageOps

    cell_width = max(picture.width for row in pictures for picture in row)
    cell_height = max(picture.height for row in pictures for picture in row)
    gap, heading = 8, 36
    sheet = Image.new(
        "RGB", (_LABEL + len(columns) * (cell_width + gap), heading + len(rows) * (cell_height + gap)), _PAPER
    )
    draw = ImageDraw.Draw(sheet)
    for number, label in enumerate(columns):
        draw.text((_LABEL + number * (cell_width + gap), 8), label, fill=_INK, font=_font(16))
    for line, (label, row) in enumerate(zip(rows, pictures, strict=True)):
        top = heading + line * (cell_height + gap)
        draw.text((8, top + 6), label, fill=_INK, font=_font(16))
        for number, picture in enumerate(row):
            fitted = ImageOps.pad(picture.convert("RGB"), (cell_width, cell_height), color=_PAPER)
            sheet.paste(fitted, (_LABEL + number * (cell_width + gap), top))
    return sheet


def _font(size: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size)
