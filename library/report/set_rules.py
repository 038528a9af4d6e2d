"""What photos show beside each other: near duplicates, mirrored copies, and somebody else's face."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

import numpy as np

from .finding import INFO, REJECT, WARN, Finding, overruled
from .fingerprint import Pair, alike
from .measures import Measures
from .people import other_people
from .photo_rules import TRAINING_SIZE, photo_findings
from .thresholds import THRESHOLDS, limit

_NONE_KEPT: Mapping[str, frozenset[str]] = MappingProxyType({})


def set_findings(
    photos: Mapping[str, Measures],
    kept: Mapping[str, frozenset[str]] = _NONE_KEPT,
    *,
    resolution: int = TRAINING_SIZE,
) -> dict[str, list[Finding]]:
    """All findings of each photo: its own, then what only the whole set shows. `kept` as in photo_findings."""
    found = {
        photo: photo_findings(measures, kept=kept.get(photo, frozenset()), resolution=resolution)
        for photo, measures in photos.items()
    }
    rank = {photo: _worth(measures, found[photo]) for photo, measures in photos.items()}
    for photo, finding in [*_duplicates(photos, rank), *_other_people(photos)]:
        found[photo].append(overruled(finding, kept.get(photo, frozenset())))
    return found


def _worth(measures: Measures, found: Sequence[Finding]) -> tuple[float, ...]:
    """Of equal pictures the one without flaws is kept, then the largest, the sharpest, the least compressed."""
    flaws = [2 if finding.level == REJECT else 1 for finding in found if finding.level in (REJECT, WARN)]
    return (
        -sum(flaws),
        measures.width * measures.height,
        -round(measures.blur or 0.0, 1),
        -round(measures.blockiness or 0.0, 1),
        measures.source.bytes,
    )


def _duplicates(photos: Mapping[str, Measures], rank: Mapping[str, tuple[float, ...]]) -> Iterator[tuple[str, Finding]]:
    names = list(photos)
    pairs = alike([photos[name].fingerprint for name in names], limit("duplicate_near"))
    grouped = set()
    for group in _groups(len(names), [pair for pair in pairs if not pair.mirrored]):
        grouped.update(group)
        best = max(group, key=lambda one: (rank[names[one]], -one))
        for one in group:
            if one != best:
                near = [pair for pair in pairs if not pair.mirrored and one in (pair.first, pair.second)]
                to_best = [pair for pair in near if best in (pair.first, pair.second)]
                likeness = max(pair.likeness for pair in to_best or near)
                rest = tuple(names[other] for other in group if other not in (one, best))
                yield names[one], _duplicate(likeness, (names[best], *rest))
    for pair in pairs:
        if pair.mirrored and not grouped.issuperset((pair.first, pair.second)):
            first, second = names[pair.first], names[pair.second]
            worse, better = (first, second) if rank[first] < rank[second] else (second, first)
            yield worse, _mirror(pair.likeness, better)


def _duplicate(likeness: float, others: tuple[str, ...]) -> Finding:
    same = likeness >= limit("duplicate_same")
    name = "duplicate_same" if same else "duplicate_near"
    text = f"This is the same picture as {others[0]}" if same else f"This is nearly the same picture as {others[0]}"
    more = f" and {len(others) - 1} more" if len(others) > 1 else ""
    return Finding(
        code="near_duplicate",
        level=REJECT if same else WARN,
        message=f"{text}{more}, which is the better one. "
        "Copies make the LoRA learn that one picture instead of the person.",
        measured=likeness,
        threshold=limit(name),
        unit=THRESHOLDS[name].unit,
        others=others,
        repairs=("remove_duplicate", "keep"),
    )


def _mirror(likeness: float, other: str) -> Finding:
    return Finding(
        code="mirrored",
        level=INFO,
        message=f"This is {other} mirrored. No face is symmetrical, so a mirrored copy makes the likeness less exact.",
        measured=likeness,
        threshold=limit("duplicate_near"),
        unit=THRESHOLDS["duplicate_near"].unit,
        others=(other,),
        repairs=("remove_duplicate", "keep"),
    )


def _groups(count: int, pairs: Sequence[Pair]) -> list[list[int]]:
    """Photos that are linked by pairs, in groups of two and more."""
    root = np.arange(count)
    for pair in pairs:
        old, new = root[pair.second], root[pair.first]
        if old != new:
            root[root == old] = new
    members: dict[int, list[int]] = {}
    for one in sorted({place for pair in pairs for place in (pair.first, pair.second)}):
        members.setdefault(int(root[one]), []).append(one)
    return list(members.values())


def _other_people(photos: Mapping[str, Measures]) -> Iterator[tuple[str, Finding]]:
    row = THRESHOLDS["other_person"]
    for photo, likeness in other_people(photos).items():
        surely = likeness < limit("other_person_reject")
        certain = "This is somebody else" if surely else "This may be somebody else"
        yield (
            photo,
            Finding(
                code="other_person",
                level=REJECT if surely else WARN,
                message=f"{certain}: the face is unlike that in most of the other photos.",
                measured=likeness,
                threshold=limit("other_person_reject") if surely else row.value,
                unit=row.unit,
            ),
        )
