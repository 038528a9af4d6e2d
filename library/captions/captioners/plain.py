"""The captioner that needs no model: says what the photo report measured, and nothing else."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from pathlib import Path

from ....media.captions import place_trigger
from .interface import CaptionRequest, CaptionResult, Readiness

FRAMING = {
    "close-up": "close-up",
    "head and shoulders": "head and shoulders",
    "half body": "half-body shot",
    "full body": "full-body shot",
}
POSE = {
    "frontal": "facing the camera",
    "turned left": "head turned to the left",
    "turned right": "head turned to the right",
    "profile": "seen in profile",
}
LIGHT = {
    "bright": "bright light",
    "dark": "dim light",
    "soft": "soft light",
    "hard": "hard light",
    "warm": "warm light",
    "cool": "cool light",
}
_COUNTED = {2: "two people", 3: "three people", 4: "four people"}


class PlainCaptioner:
    """Needs only the facts of a request."""

    name = "plain"
    uses_device = False

    def ready(self) -> Readiness:
        """Always."""
        return Readiness(True)

    def describe(self, photos: Iterable[CaptionRequest]) -> Generator[CaptionResult, None, None]:
        """Framing, number of people, pose and light, as far as they were measured; empty where nothing was."""
        for request in photos:
            said = words(request.facts)
            if said:
                said = f"{{trigger}} {request.class_word}".rstrip() + f", {said}" if request.trigger.strip() else said
                said = place_trigger(said, request.trigger, request.class_word) if request.trigger.strip() else said
            yield CaptionResult(photo=request.photo, caption=said)

    def stop(self) -> None:
        """A photo takes no time."""


def words(facts: Mapping[str, object]) -> str:
    """The facts in words; unknown keys and values say nothing. That one person is there goes without saying."""
    said = [
        "black and white photo" if facts.get("monochrome") is True else "",
        _named(FRAMING, facts.get("framing")),
        _people(facts.get("faces")),
        _named(POSE, facts.get("pose")),
        _named(LIGHT, facts.get("light")),
    ]
    return ", ".join(part for part in said if part)


def captioner(model: Path | None, models: Path | None) -> PlainCaptioner:
    """The captioner; there is no model."""
    return PlainCaptioner()


def _named(names: Mapping[str, str], value: object) -> str:
    return names.get(value, "") if isinstance(value, str) else ""


def _people(faces: object) -> str:
    if not isinstance(faces, int) or isinstance(faces, bool) or faces < 2:
        return ""
    return _COUNTED.get(faces, "a group of people")
