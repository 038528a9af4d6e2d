"""What this machine has: GPU, memory, disk, versions. Changes nothing."""

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


def chip() -> tuple[int, int] | None:
    """The first NVIDIA GPU's compute capability, which says what it can compute; None without one."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    try:
        major, minor = pynvml.nvmlDeviceGetCudaComputeCapability(pynvml.nvmlDeviceGetHandleByIndex(0))
        return int(major), int(minor)
    except pynvml.NVMLError:
        return None
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
