"""A training's losses for a chart: the last value of each step, thinned out without losing peaks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

Point = tuple[int, float, float, float]
"""Step, loss, smoothed loss, learning rate."""


@dataclass(frozen=True)
class Losses:
    """What a chart shows."""

    points: list[Point]
    steps_seen: int
    """Steps that have a loss, before thinning."""
    last_event: int
    """Number of the last event that was looked at: from here on a chart goes on live."""


def read_losses(events_file: Path, *, most: int, after: int = 0) -> Losses:
    """At most `most` points out of the loss events behind event number `after`."""
    found: dict[int, Point] = {}
    last = after
    for line in _lines(events_file):
        try:
            event = json.loads(line) if b'"loss"' in line else None
            number = event["seq"] if event else _number(line)
            last = max(last, number)
            if event and event["type"] == "loss" and number > after:
                found[event["step"]] = (event["step"], event["loss"], event["smoothed"], event["learning_rate"])
        except (ValueError, KeyError, TypeError):
            continue  # the job's own reader tells of a line that is no event
    series = [found[step] for step in sorted(found)]
    return Losses(thinned(series, most), len(series), last)


def thinned(points: Sequence[Point], most: int) -> list[Point]:
    """Largest triangle three buckets: keeps first and last, and of each stretch the point that shapes the line most.

    After Steinarsson, "Downsampling Time Series for Visual Representation" (2013).
    """
    if len(points) <= most or most < 3:
        return list(points[:most]) if most < 3 else list(points)
    size = (len(points) - 2) / (most - 2)
    kept = [points[0]]
    for bucket in range(most - 2):
        start, end = int(bucket * size) + 1, int((bucket + 1) * size) + 1
        following = points[end : int((bucket + 2) * size) + 1] or points[-1:]
        x = sum(point[0] for point in following) / len(following)
        y = sum(point[1] for point in following) / len(following)
        left = kept[-1]
        kept.append(
            max(
                points[start:end],
                key=lambda p: abs((left[0] - x) * (p[1] - left[1]) - (left[0] - p[0]) * (y - left[1])),
            )
        )
    kept.append(points[-1])
    return kept


def _lines(path: Path) -> list[bytes]:
    try:
        return [line for line in path.read_bytes().split(b"\n")[:-1] if line]
    except FileNotFoundError:
        return []


def _number(line: bytes) -> int:
    at = line.find(b'"seq":')
    digits = line[at + 6 : at + 26].lstrip().split(b",")[0]
    return int(digits) if at >= 0 and digits.isdigit() else 0
