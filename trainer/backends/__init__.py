"""Training backends: one line in this registry each; their modules are imported when they are used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

from ...errors import IsengardError

if TYPE_CHECKING:
    from .interface import Backend

_MODULES = {"native": ".native"}
NOT_READY = {"ai-toolkit": "the bridge to an installed ai-toolkit is not written yet"}
"""Backends that are planned: name and what is missing."""


def load_backend(name: str) -> Backend:
    """The backend of that name. Raises BACKEND_NOT_READY for one that is planned only."""
    if name in NOT_READY:
        raise IsengardError("BACKEND_NOT_READY", f"The backend {name} is not ready: {NOT_READY[name]}.")
    if name not in _MODULES:
        raise IsengardError("CONFIG_INVALID", f"backend must be one of {', '.join(_MODULES)}, got {name!r}.")
    return cast("Backend", import_module(_MODULES[name], __package__).BACKEND)
