"""Captioners: what describes photos. Found by name, imported when used."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from ....errors import IsengardError
from .interface import Captioner

NAMES = {"plain": ".plain", "florence2": ".florence2"}
"""Name → module, which has a function `captioner(model, models)`."""


def load_captioner(name: str, model: Path | None = None, *, models: Path | None = None) -> Captioner:
    """The captioner of that name; `model` is the folder of its model, None looks where models usually are: in `models`
    (the data folder's own if it is left out) and in ComfyUI's folders. Raises CAPTIONER_UNKNOWN.
    """
    if name not in NAMES:
        raise IsengardError("CAPTIONER_UNKNOWN", f"There is no captioner {name!r}; there are {', '.join(NAMES)}.")
    captioner: Captioner = import_module(NAMES[name], __package__).captioner(model, models)
    return captioner
