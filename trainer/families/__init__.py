"""Base-model families: one file each, one line in this registry each."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

from ...errors import IsengardError

if TYPE_CHECKING:
    from ..config import BaseFiles
    from .interface import Family

_MODULES = {"mini": ".mini", "flux1-dev": ".flux1"}
_FILES = {"mini": ".mini_files", "flux1-dev": ".flux1_files"}
"""Modules with `check_base`, which look at the base files' headers and import no torch."""


def load_family(name: str) -> Family:
    """The family of that name; its module (and torch with it) is imported now."""
    if name not in _MODULES:
        raise IsengardError("CONFIG_INVALID", f"family must be one of {', '.join(_MODULES)}, got {name!r}.")
    return cast("Family", import_module(_MODULES[name], __package__).FAMILY)


def check_base(name: str, base: BaseFiles, *, encoders: bool = True) -> None:
    """Whether a family's base files are there and fit, without torch; without `encoders` the transformer's alone.

    Raises what `Family.check_files` does.
    """
    if name not in _FILES:
        raise IsengardError("CONFIG_INVALID", f"family must be one of {', '.join(_FILES)}, got {name!r}.")
    import_module(_FILES[name], __package__).check_base(base, encoders=encoders)
