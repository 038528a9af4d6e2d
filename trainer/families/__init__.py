"""Base-model families: one file each, one line in this registry each."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

from ...errors import IsengardError

if TYPE_CHECKING:
    from .interface import Family

_MODULES = {"mini": ".mini", "flux1-dev": ".flux1"}


def load_family(name: str) -> Family:
    """The family of that name; its module (and torch with it) is imported now."""
    if name not in _MODULES:
        raise IsengardError("CONFIG_INVALID", f"family must be one of {', '.join(_MODULES)}, got {name!r}.")
    return cast("Family", import_module(_MODULES[name], __package__).FAMILY)
