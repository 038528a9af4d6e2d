"""How varied a set of photos is: framing, pose, light, background and clothes, in groups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .framing import FRAMINGS
from .measures import Measures
from .scene import BACKGROUND_PARTS, CLOTHES_PARTS, distances, groups
from .thresholds import limit


@dataclass(frozen=True, kw_only=True)
class Group:
    """Photos that are alike in one respect."""

    label: str
    count: int
    photos: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Variety:
    """One respect in which photos differ."""

    measured: bool
    groups: tuple[Group, ...]
    """The largest first; of the photos in which it could be measured."""
    verdict: str

    @property
    def count(self) -> int:
        """How many photos it was measured in."""
        return sum(group.count for group in self.groups)

    @property
    def one_sided(self) -> bool:
        """Whether one group holds half of the photos, of at least four."""
        return self.count >= 4 and self.groups[0].count >= limit("one_group") * self.count


def variety(photos: Mapping[str, Measures]) -> dict[str, Variety]:
    """Framing, pose, light, background and clothes of these photos."""
    framed = {name: one.framing for name, one in photos.items() if one.framing}
    posed = {name: one.pose for name, one in photos.items() if one.pose}
    lit = {name: one.light for name, one in photos.items()}
    places = {name: list(one.background) for name, one in photos.items()}
    worn = {name: list(one.clothes) for name, one in photos.items() if one.clothes}
    none = "there are no usable photos"
    looked_for = any(one.faces is not None for one in photos.values())
    no_faces = "no face shows" if looked_for else "no faces are looked for here" if photos else none
    no_pose = no_faces
    if not posed and any(one.face for one in photos.values()):
        no_pose = "the rough finder sees faces from the front only"
    return {
        "framing": _labelled(framed, "framing", no_faces, FRAMINGS),
        "pose": _labelled(posed, "pose", no_pose),
        "light": _labelled(lit, "light", none),
        "background": _alike(places, "background", BACKGROUND_PARTS, none),
        "clothes": _alike(worn, "clothes", CLOTHES_PARTS, no_faces),
    }


def _labelled(labels: Mapping[str, str], what: str, why_not: str, order: Iterable[str] = ()) -> Variety:
    counts = Counter(labels.values())
    ranks = {label: place for place, label in enumerate(order)}
    found = sorted(counts, key=lambda label: (-counts[label], ranks.get(label, 0), label))
    return _variety([(label, [name for name in labels if labels[name] == label]) for label in found], what, why_not)


def _alike(rows: Mapping[str, list[int]], what: str, parts: int, why_not: str) -> Variety:
    names = list(rows)
    found = groups(distances(list(rows.values()), parts, parts // 4), limit(f"same_{what}")) if rows else []
    return _variety(
        [(f"{what} {place}", [names[one] for one in group]) for place, group in enumerate(found, 1)], what, why_not
    )


def _variety(found: list[tuple[str, list[str]]], what: str, why_not: str) -> Variety:
    parts = tuple(Group(label=label, count=len(names), photos=tuple(names)) for label, names in found)
    if not parts:
        return Variety(measured=False, groups=(), verdict=f"Not measured: {why_not}.")
    total, largest = sum(part.count for part in parts), parts[0]
    rough = Variety(measured=True, groups=parts, verdict="")
    kinds = "1 kind" if len(parts) == 1 else f"{len(parts)} kinds"
    if total < 4:
        verdict = f"Too few photos to judge: {kinds} in {total}."
    elif len(parts) == 1:
        verdict = f"All the same in {total} photos."
    elif rough.one_sided:
        verdict = f"One-sided: {largest.count} of {total} are alike."
    else:
        verdict = f"Varied: {kinds} in {total} photos."
    return Variety(measured=True, groups=parts, verdict=verdict)
