"""What a captioner is: the one interface that callers know."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ....errors import IsengardError


@dataclass(frozen=True)
class Readiness:
    """Whether a captioner can work here, and if not, why and what to do."""

    ready: bool
    reason: str = ""
    what_to_do: str = ""


@dataclass(frozen=True, kw_only=True)
class CaptionRequest:
    """One photo to describe."""

    photo: str
    """The photo's name, which comes back in the result."""
    file: Path | None = None
    """The working image, upright; needed by captioners that look at it."""
    facts: Mapping[str, object] = field(default_factory=dict)
    """What the photo report measured: framing, faces, light, pose, monochrome."""
    trigger: str = ""
    class_word: str = ""


@dataclass(frozen=True, kw_only=True)
class CaptionResult:
    """A photo's caption with the trigger word in it, or why there is none."""

    photo: str
    caption: str = ""
    """Empty where there is nothing to say, or an error."""
    error: IsengardError | None = None


class Captioner(Protocol):
    """Describes photos."""

    name: str
    uses_device: bool
    """Whether it computes where a training would: then it waits for one to end."""

    def ready(self) -> Readiness:
        """Quick: looks at files and packages, loads nothing."""
        ...

    def describe(self, photos: Iterable[CaptionRequest]) -> Generator[CaptionResult, None, None]:
        """One result a photo, in order, each as soon as it is there; closing the generator stops the work.

        What is wrong with one photo is its result's error; what stops all of them is raised (CAPTIONER_NOT_READY,
        CAPTIONER_FAILED).
        """
        ...

    def stop(self) -> None:
        """Breaks off what is being described now, from another thread, and describes nothing more: an error is raised,
        or is that photo's result."""
        ...
