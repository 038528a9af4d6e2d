"""What is wrong with photos, in plain sentences with measurement, threshold and repairs: the door to the rules."""

from __future__ import annotations

from .finding import CODES, INFO, KEPT, REJECT, WARN, Finding
from .photo_rules import TRAINING_SIZE, not_measured, photo_findings
from .set_rules import set_findings

__all__ = [
    "CODES", "INFO", "KEPT", "REJECT", "TRAINING_SIZE", "WARN", "Finding", "not_measured", "photo_findings",
    "set_findings",
]  # fmt: skip
