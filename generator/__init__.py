"""What makes pictures: one line in this registry each; their modules are imported when they are used.

Importing this room is cheap: torch and diffusers are imported in a process of their own.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, cast

from ..errors import IsengardError

if TYPE_CHECKING:
    from .interface import ComfyUIAt, Generator

_MODULES = {"diffusers": ".diffusers", "comfyui": ".comfyui"}
NOT_READY = {
    "video": "moving pictures of a character are planned, and no model for them is built in yet",
}
"""Generators that are planned: name and what is missing."""
NAMES = (*_MODULES, *NOT_READY)
PREFERRED = ("comfyui", "diffusers")
"""Where it is ready, a ComfyUI makes the pictures: it has the toggles, and its queue knows what else runs there."""


def load_generator(name: str, logs: Path, comfyui: ComfyUIAt | None = None) -> Generator:
    """A new generator of that name, which writes its log into the folder `logs`; nothing is loaded by it yet. Without
    `comfyui` the one at COMFYUI_URL is meant.

    Raises GENERATOR_NOT_READY for one that is planned only, GENERATION_INVALID for an unknown one.
    """
    if name in NOT_READY:
        raise IsengardError("GENERATOR_NOT_READY", f"The generator {name} is not ready: {NOT_READY[name]}.")
    if name not in _MODULES:
        problem = f"generator must be one of {', '.join(NAMES)}, got {name!r:.60}."
        raise IsengardError("GENERATION_INVALID", problem, problems=[problem])
    return cast("Generator", import_module(_MODULES[name], __package__).make(logs, comfyui))
