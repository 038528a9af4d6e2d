"""What this machine has: GPU, memory, disk, versions, and packs beside us that make more possible. Changes nothing."""

from __future__ import annotations

import platform
import shutil
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .. import settings

PACKAGES = ("torch", "diffusers", "transformers", "peft", "accelerate", "safetensors", "numpy", "pillow", "structlog",
            "aiohttp", "pydantic")  # fmt: skip
"""Packages whose versions matter when something goes wrong."""


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """One NVIDIA GPU. None: it does not tell."""

    name: str
    memory_total: int
    memory_free: int
    load: float | None
    """0…1"""
    temperature: float | None
    """°C"""
    power: float | None
    """W"""
    driver: str = ""


@dataclass(frozen=True)
class Pack:
    """Another ComfyUI pack that some feature needs."""

    name: str
    folders: tuple[str, ...]
    """Names of its folder in custom_nodes, in lower case."""
    enables: str
    source: str
    needs: str = ""


PACKS = (
    Pack("ControlNet preprocessors", ("comfyui_controlnet_aux",), "pose and depth as guides",
         "github.com/Fannovel16/comfyui_controlnet_aux"),
    Pack("IP-Adapter for FLUX", ("comfyui-ipadapter-flux", "x-flux-comfyui"), "“like this picture” with IP-Adapter",
         "github.com/Shakker-Labs/ComfyUI-IPAdapter-Flux"),
    Pack("Impact Pack", ("comfyui-impact-pack",), "mending faces", "github.com/ltdrdata/ComfyUI-Impact-Pack",
         "Impact Subpack"),
    Pack("Impact Subpack", ("comfyui-impact-subpack",), "finding faces to mend",
         "github.com/ltdrdata/ComfyUI-Impact-Subpack"),
    Pack("Ultimate SD Upscale", ("comfyui_ultimatesdupscale",), "enlarging with new detail",
         "github.com/ssitu/ComfyUI_UltimateSDUpscale"),
)  # fmt: skip


def gpus() -> list[Gpu]:
    """The NVIDIA GPUs; none without NVIDIA's driver."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []
    try:
        return [_gpu(index) for index in range(pynvml.nvmlDeviceGetCount())]
    except pynvml.NVMLError:
        return []
    finally:
        pynvml.nvmlShutdown()


def _gpu(index: int) -> Gpu:
    import pynvml

    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    name = pynvml.nvmlDeviceGetName(handle)
    return Gpu(
        name=name if isinstance(name, str) else name.decode(),
        memory_total=int(memory.total),
        memory_free=int(memory.free),
        load=_told(lambda: pynvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100),
        temperature=_told(lambda: pynvml.nvmlDeviceGetTemperature(handle, pynvml.NVML_TEMPERATURE_GPU)),
        power=_told(lambda: pynvml.nvmlDeviceGetPowerUsage(handle) / 1000),
        driver=str(_driver()),
    )


def _told(question: Any) -> float | None:
    import pynvml

    try:
        return float(question())
    except pynvml.NVMLError:
        return None


def _driver() -> str:
    import pynvml

    try:
        found = pynvml.nvmlSystemGetDriverVersion()
        return found if isinstance(found, str) else found.decode()
    except pynvml.NVMLError:
        return ""


def memory() -> tuple[int, int]:
    """Free and all bytes of the main memory."""
    import psutil

    found = psutil.virtual_memory()
    return int(found.available), int(found.total)


def disk(folder: Path) -> tuple[int, int]:
    """Free and all bytes of the disk that holds a folder, which need not exist yet."""
    at = next(place for place in (folder, *folder.parents) if place.exists())
    found = shutil.disk_usage(at)
    return found.free, found.total


def versions() -> dict[str, str]:
    """Versions of Isengard, Python, the system and the packages; empty for one that is not installed."""
    found = {"isengard": settings.version(), "python": settings.python_version(), "platform": platform.platform()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = ""
    return found


def device_name() -> str:
    """The first GPU's name, or what the processor is: what a measured pace belongs to."""
    found = gpus()
    return found[0].name if found else f"{platform.machine()} CPU"


def packs() -> list[tuple[Pack, bool | None]]:
    """The packs, each with whether it is there; None: there is no ComfyUI to look into."""
    comfyui = settings.comfyui_path()
    if comfyui is None:
        return [(pack, None) for pack in PACKS]
    try:
        there = {folder.name.lower() for folder in (comfyui / "custom_nodes").iterdir() if folder.is_dir()}
    except OSError:
        there = set()
    return [(pack, any(folder in there for folder in pack.folders)) for pack in PACKS]
