"""Pictures from FLUX.1 in a ComfyUI: the one that runs us, or the one at COMFYUI_URL, perhaps on another machine.

`blocks/` compose the graph, `bases.py` and `offer.py` say what is there, `client.py` and `listening.py` speak with it,
`making.py` carries a request out.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..interface import ComfyUIAt

if TYPE_CHECKING:
    from .generator import ComfyUIGenerator


def make(_logs: Path, comfyui: ComfyUIAt | None = None) -> ComfyUIGenerator:
    """For the registry."""
    from .generator import ComfyUIGenerator

    return ComfyUIGenerator(comfyui or ComfyUIAt())
