"""Aspect-ratio buckets: which width and height each photo is trained at. Standard library only.

A bucket keeps the area of the square that a resolution names and comes as near to the photo's own shape as whole units
allow, so that a photo is neither squeezed nor cut to a square. Every answer depends on the set of photos alone, not on
their order.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Size = tuple[int, int]
"""Width and height in pixels."""

MAX_ASPECT = 2.2
"""Longest shape, long side by short side. Panoramas are cropped to it: base models saw few pictures beyond 2:1."""

MAX_ENLARGEMENT = 1.25
"""A photo is trained at a resolution only if it is enlarged by no more than this: enlarged blur is learned as a feature
of the person. Below it the loss of detail can't be seen after the VAE."""


@dataclass(frozen=True)
class Placement:
    """Where one photo is trained."""

    buckets: tuple[Size, ...]
    """One a resolution, in the resolutions' order. A photo too small for a resolution has a smaller bucket in its
    place, so that all photos are seen equally often."""
    enlarged: float
    """Largest factor by which the photo is enlarged to fill one of its buckets; 1 or less is none."""
    cropped: float
    """Largest share of the photo that is cut away, 0–1."""
    too_small_for: tuple[int, ...]
    """Resolutions that a smaller bucket stands in for."""


def bucket_sizes(resolution: int, unit: int) -> list[Size]:
    """All buckets of about `resolution`² pixels whose sides are multiples of `unit`, narrowest first.

    The set is symmetric: with (w, h) it holds (h, w). A resolution that is no multiple of `unit` is rounded.
    """
    side = max(1, round(resolution / unit))
    found = {(side, side)}
    for one in range(1, math.ceil(side * MAX_ASPECT)):
        other = round(side * side / one)
        if max(one, other) <= min(one, other) * MAX_ASPECT:
            found |= {(one, other), (other, one)}
    return sorted(((w * unit, h * unit) for w, h in found), key=lambda size: (size[0] / size[1], size))


def enlargement(size: Size, bucket: Size) -> float:
    """Factor by which a photo is scaled so that it covers a bucket."""
    return max(bucket[0] / size[0], bucket[1] / size[1])


def crop_loss(size: Size, bucket: Size) -> float:
    """Share of the photo that lies outside the bucket once it is covered: what is given up of the aspect ratio, 0–1."""
    photo, shape = size[0] / size[1], bucket[0] / bucket[1]
    return 1.0 - min(photo / shape, shape / photo)


def assign_buckets(sizes: Sequence[Size], resolutions: Sequence[int], unit: int, tolerance: float) -> list[Placement]:
    """Gives every photo a bucket for every resolution.

    `sizes` are upright widths and heights; `tolerance` is the share of its aspect ratio that a photo may give up to sit
    in a bucket that others use as well (beyond what the nearest bucket costs it anyway, nothing more is taken).
    Few shapes mean full batches, and few compilations where the model is compiled.
    """
    if not resolutions or unit < 1 or any(min(size) < 1 for size in sizes):
        raise ValueError(f"buckets need resolutions, a unit and sizes above 0, got {resolutions}, {unit}, {sizes}")
    tables = {resolution: bucket_sizes(resolution, unit) for resolution in resolutions}
    ladder = sorted(tables)
    wanted = [[_fitting(size, resolution, ladder, tables) for resolution in resolutions] for size in sizes]
    chosen: dict[tuple[int, Size], Size] = {}
    for resolution, table in tables.items():
        counts = Counter(size for size, row in zip(sizes, wanted, strict=True) if resolution in row)
        chosen |= {(resolution, size): bucket for size, bucket in _shared(counts, table, tolerance).items()}
    return [_placement(size, resolutions, row, chosen) for size, row in zip(sizes, wanted, strict=True)]


def _nearest(size: Size, table: Sequence[Size]) -> Size:
    return min(table, key=lambda bucket: (crop_loss(size, bucket), bucket))


def _fitting(size: Size, resolution: int, ladder: Sequence[int], tables: dict[int, list[Size]]) -> int:
    """The largest resolution up to `resolution` that the photo fills without much enlargement; else the smallest."""
    fits = [
        step
        for step in ladder
        if step <= resolution and enlargement(size, _nearest(size, tables[step])) <= MAX_ENLARGEMENT
    ]
    return fits[-1] if fits else ladder[0]


def _shared(counts: Mapping[Size, int], table: Sequence[Size], tolerance: float) -> dict[Size, Size]:
    """Chooses few buckets so that every size has one it accepts: again and again the one that most photos accept."""
    accepted = {}
    for size in counts:
        limit = max(tolerance, crop_loss(size, _nearest(size, table)))
        accepted[size] = [bucket for bucket in table if crop_loss(size, bucket) <= limit]
    open_sizes, used = set(counts), set()
    while open_sizes:
        best = min(table, key=lambda bucket: _rank(bucket, [s for s in open_sizes if bucket in accepted[s]], counts))
        used.add(best)
        open_sizes = {size for size in open_sizes if best not in accepted[size]}
    return {size: _nearest(size, [bucket for bucket in accepted[size] if bucket in used]) for size in counts}


def _rank(bucket: Size, takers: Sequence[Size], counts: Mapping[Size, int]) -> tuple[float, ...]:
    """Sort key: most photos first, then the least loss, then the squarest, then the narrower."""
    loss = math.fsum(counts[size] * crop_loss(size, bucket) for size in sorted(takers))
    return (-sum(counts[size] for size in takers), round(loss, 12), max(bucket) / min(bucket), bucket[0])


def _placement(
    size: Size, resolutions: Sequence[int], row: Sequence[int], chosen: dict[tuple[int, Size], Size]
) -> Placement:
    buckets = tuple(chosen[(resolution, size)] for resolution in row)
    return Placement(
        buckets=buckets,
        enlarged=max(enlargement(size, bucket) for bucket in buckets),
        cropped=max(crop_loss(size, bucket) for bucket in buckets),
        too_small_for=tuple(asked for asked, given in zip(resolutions, row, strict=True) if asked != given),
    )
