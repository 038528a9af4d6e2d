"""How grave a finding is: the same words for photos, captions and trigger words. Standard library only."""

from __future__ import annotations

REJECT, WARN, INFO, KEPT = "reject", "warn", "info", "kept"
LEVELS = (REJECT, WARN, INFO, KEPT)
"""The gravest first. reject: training refuses it or is better without it; warn: look at it; info: good to know; kept: a
person overruled it."""
