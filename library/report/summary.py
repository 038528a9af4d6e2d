"""The set as a whole: how many photos are usable, how varied they are, and what to add."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ...sentences import Said
from .advice import advice
from .finding import REJECT, WARN, Finding
from .measures import Measures
from .people import main_person
from .photo_rules import not_measured
from .variety import Variety, variety


@dataclass(frozen=True, kw_only=True)
class SetReport:
    """What a person should know about the photos together."""

    photos: int
    rejected: int
    """By a person."""
    usable: int
    flawed: int
    """Of the usable ones, those with a finding that asks for a look."""
    headline: str
    variety: dict[str, Variety]
    """framing, pose, light, background and clothes, of the usable photos."""
    advice: tuple[str, ...]
    """What would help most comes first."""
    not_measured: tuple[str, ...]
    found: dict[str, int]
    """How many photos have each finding, those a person overruled left out."""

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def summarize(
    photos: Mapping[str, Measures], findings: Mapping[str, Sequence[Finding]], rejected: frozenset[str]
) -> SetReport:
    """Sums up all photos: measurements, set_findings' answer, and those that a person rejected."""
    left = {name: measures for name, measures in photos.items() if name not in rejected}
    levels = {name: {finding.level for finding in findings.get(name, ())} for name in left}
    usable = {name: measures for name, measures in left.items() if REJECT not in levels[name]}
    flawed = sum(WARN in levels[name] for name in usable)
    kinds = variety(usable)
    codes = Counter(
        code
        for name in left
        for code in {finding.code for finding in findings.get(name, ()) if finding.level in (REJECT, WARN)}
    )
    return SetReport(
        photos=len(photos),
        rejected=len(photos) - len(left),
        usable=len(usable),
        flawed=flawed,
        headline=_headline(len(photos), len(usable), flawed),
        variety=kinds,
        advice=tuple(advice(usable, kinds)),
        not_measured=tuple(_not_measured(left)),
        found=dict(codes.most_common()),
    )


def _headline(photos: int, usable: int, flawed: int) -> str:
    if photos == 0:
        return "There are no photos yet."
    if photos == 1:
        text = "The photo is good to train on." if usable else "The photo is not good to train on."
    elif usable == photos:
        text = f"All {photos} photos are good to train on."
    elif usable == 0:
        text = f"None of the {photos} photos is good to train on."
    else:
        text = f"{usable} of {photos} photos {'is' if usable == 1 else 'are'} good to train on."
    if not flawed or photos == 1:
        return text
    return f"{text} {flawed} of {'them' if usable > 1 else 'those'} {'has' if flawed == 1 else 'have'} smaller flaws."


def _not_measured(photos: Mapping[str, Measures]) -> list[Said]:
    """Each sentence once; with the number of photos where it isn't true of all."""
    sentences = Counter(sentence for measures in photos.values() for sentence in not_measured(measures))
    found: list[Said] = []
    for sentence, count in sentences.most_common():
        if count == len(photos):
            found.append(sentence)
            continue
        few = "1 photo" if count == 1 else f"{count} photos"
        text = f"In {few}: {sentence[0].lower()}{sentence[1:]}"
        found.append(Said("not_measured.in_some", text, n=count, what=sentence))
    compared = sum(face.embedding is not None for one in photos.values() if (face := one.face))
    if compared >= 3 and main_person(photos) is None:
        text = "Whether a photo shows somebody else was not measured: no one person is in most of the photos."
        found.append(Said("not_measured.nobody_in_most", text))
    return found
