"""The library of this process, opened once, where several rooms work on the same one: nodes and routes in ComfyUI."""

from __future__ import annotations

import threading
from pathlib import Path

from .. import settings
from .store import Library

_TURN = threading.Lock()
_OPENED: dict[Path, Library] = {}
"""By folder. A process has one; a test may have more."""


def the_library() -> Library:
    """The library in the folder that the settings name; what one room changes, the other is told of."""
    root = settings.volume_root()
    with _TURN:
        if root not in _OPENED:
            _OPENED[root] = Library.open(root, loras=settings.lora_folder())
        return _OPENED[root]
