"""What lies in a folder, for comparing before and after."""

from __future__ import annotations

import hashlib
from pathlib import Path

DERIVED = (".cache", ".journal", ".scratch", ".lock", "index.sqlite", "index.sqlite-wal", "index.sqlite-shm")
"""What may differ: it can be made again, or is a library's own housekeeping."""


def tree(root: Path, *, derived: bool = False) -> dict[str, str]:
    """Every file under a folder with a hash of its bytes; links as what they point to."""
    found = {}
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root)
        if not derived and any(part in DERIVED for part in relative.parts):
            continue
        if path.is_symlink():
            found[relative.as_posix()] = f"-> {path.readlink()}"
        elif path.is_file():
            found[relative.as_posix()] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found
