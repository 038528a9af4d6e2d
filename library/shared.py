"""Opens the library that the settings name: once in a process whose rooms work on the same one, as in ComfyUI."""

from __future__ import annotations

import threading
from pathlib import Path

from .. import settings
from .store import Library

_TURN = threading.Lock()
_OPENED: dict[Path, Library] = {}
"""By folder. A process has one; a test may have more."""


def open_library(root: Path | None = None) -> Library:
    """The library in the folder `root`, or in the one that the settings name, with its LoRAs where they say.

    Raises SETTINGS_INVALID and what `Library.open` raises.
    """
    root = (root or settings.volume_root()).expanduser().absolute()
    return Library.open(root, loras=settings.lora_folder(root))


def the_library() -> Library:
    """The library in the folder that the settings name; what one room changes, the other is told of."""
    root = settings.volume_root()
    with _TURN:
        if root not in _OPENED:
            _OPENED[root] = open_library(root)
        return _OPENED[root]
