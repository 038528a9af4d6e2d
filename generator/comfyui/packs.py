"""Other ComfyUI packs that some of our graphs need: what each makes possible, and where it is to be had."""

from __future__ import annotations

from dataclasses import dataclass

from ..interface import Get

FOLDER = "custom_nodes"
"""Where packs are, counted from ComfyUI's folder."""


@dataclass(frozen=True)
class Pack:
    """A pack of nodes beside ours."""

    id: str
    name: str
    """As ComfyUI Manager lists it."""
    source: str
    """Its address."""
    enables: str
    """What it is for, as words for people."""
    needs: str = ""
    """Name of another one that it is of no use without."""

    @property
    def get(self) -> Get:
        """The pack as something to be got."""
        return Get(self.name, self.source, FOLDER)


PREPROCESSORS = Pack(
    "preprocessors", "comfyui_controlnet_aux", "https://github.com/Fannovel16/comfyui_controlnet_aux",
    "pose and depth as guides",
)  # fmt: skip
IP_ADAPTER = Pack(
    "ip_adapter", "ComfyUI-IPAdapter-Flux", "https://github.com/Shakker-Labs/ComfyUI-IPAdapter-Flux",
    "“like this picture” with IP-Adapter",
)  # fmt: skip
SUBPACK = Pack(
    "subpack", "ComfyUI Impact Subpack", "https://github.com/ltdrdata/ComfyUI-Impact-Subpack", "finding faces to mend"
)
IMPACT = Pack(
    "impact", "ComfyUI Impact Pack", "https://github.com/ltdrdata/ComfyUI-Impact-Pack", "mending faces", SUBPACK.name
)
ULTIMATE = Pack(
    "ultimate", "UltimateSDUpscale", "https://github.com/ssitu/ComfyUI_UltimateSDUpscale", "enlarging with new detail"
)
PACKS = (PREPROCESSORS, IP_ADAPTER, IMPACT, SUBPACK, ULTIMATE)
