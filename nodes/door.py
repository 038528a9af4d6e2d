"""What ComfyUI is given when it loads the pack, and what it is told if something is missing. Cheap to import."""

from __future__ import annotations

import importlib.util
import logging
import sys
from functools import cache
from typing import TYPE_CHECKING, Any

from .. import settings
from ..errors import IsengardError

if TYPE_CHECKING:
    from comfy_api.latest import ComfyExtension

NEEDED = (
    "accelerate", "aiohttp", "diffusers", "filelock", "matplotlib", "numpy", "pynvml", "peft", "PIL", "pillow_heif",
    "platformdirs", "psutil", "pydantic", "regex", "safetensors", "sentencepiece", "structlog", "tqdm", "transformers",
)  # fmt: skip
"""Modules of the packages in requirements.txt, in its order; looked for, not imported."""
_REQUIREMENTS = settings.PACK / "requirements.txt"
_NAMES = {"pynvml": "nvidia-ml-py", "PIL": "pillow", "pillow_heif": "pillow-heif"}
_LOG = logging.getLogger("isengard")


@cache
def problem() -> IsengardError | None:
    """What keeps the pack from working here; it is in the log then."""
    missing = [_NAMES.get(name, name) for name in NEEDED if not _is_there(name)]
    if not missing:
        return None
    found = IsengardError(
        "PACKAGE_MISSING",
        f"Isengard is off, because Python packages are missing: {', '.join(missing)}.",
        hint=f'Run "{sys.executable}" -m pip install -r "{_REQUIREMENTS}", then start ComfyUI again.',
    )
    _LOG.error("%s %s", found.message, found.hint)
    return found


async def comfy_entrypoint() -> ComfyExtension:
    """The nodes. Raises PACKAGE_MISSING, which ComfyUI logs before it goes on without us."""
    if (found := problem()) is not None:
        raise found
    from .extension import IsengardExtension

    return IsengardExtension()


def routes() -> Any:
    """ComfyUI's table of routes."""
    from server import PromptServer

    return PromptServer.instance.routes


def folder() -> str:
    """The name under which ComfyUI knows the pack."""
    return settings.PACK.name


def address() -> str:
    """See host.py."""
    from . import host

    return host.address()


def on_network() -> bool:
    """See host.py."""
    from . import host

    return host.on_network()


def _is_there(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False
