"""Files that nodes have put on the wires. ComfyUI keeps a node's outputs; when what they name is gone, the
node must run again, or every later Run fails of it."""

from __future__ import annotations

from pathlib import Path

_FILES: set[Path] = set()
"""All since the process began: a few hundred at most."""


def remember(path: Path) -> None:
    """Notes what an output names."""
    _FILES.add(path)


def mark() -> str:
    """Changes when something that was given is gone, and when it is back; for fingerprints."""
    return "\n".join(sorted(str(path) for path in _FILES if not path.exists()))
