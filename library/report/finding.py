"""One finding of the report: what was found, how bad it is, and what can be done."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ..levels import INFO, KEPT, REJECT, WARN
from .thresholds import THRESHOLDS

__all__ = ["CODES", "INFO", "KEPT", "REJECT", "WARN", "Finding", "judged", "overruled"]
CODES = (
    "too_small", "blurred", "moved", "underexposed", "overexposed", "low_contrast", "compressed",
    "no_face", "several_faces", "face_too_small", "screenshot", "collage", "near_duplicate", "mirrored", "other_person",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was found."""

    code: str
    """Of CODES."""
    level: str
    """Of LEVELS."""
    message: str
    measured: float | None = None
    threshold: float | None = None
    unit: str | None = None
    others: tuple[str, ...] = ()
    """Ids of the photos that it is about beside this one."""
    repairs: tuple[str, ...] = field(default=("reject", "keep"))
    """Of reject, keep, crop_face, upscale, use_original, remove_duplicate."""

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {**asdict(self), "others": list(self.others), "repairs": list(self.repairs)}


def overruled(finding: Finding, kept: frozenset[str]) -> Finding:
    """The finding, at the level “kept” if a person said so."""
    return replace(finding, level=KEPT) if finding.code in kept else finding


def judged(code: str, measured: float, worse: float, name: str, message: str, **more: Any) -> Finding:
    """A finding from a measurement and the threshold `name`_warn, or `name`_reject from the value `worse` on."""
    level = REJECT if f"{name}_reject" in THRESHOLDS and worse > 0 else WARN
    row = THRESHOLDS[f"{name}_{level}"]
    return Finding(
        code=code, level=level, message=message, measured=measured, threshold=row.value, unit=row.unit, **more
    )
