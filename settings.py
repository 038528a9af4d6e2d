"""Mode, folders and addresses: the only module that reads the environment or ComfyUI's folder_paths."""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path

PACK = Path(__file__).absolute().parent
"""The pack's own folder, as it was reached: a link in a ComfyUI's custom_nodes counts as being there."""

MODES = ("production", "fast-test")
_RUNPOD_VOLUME = Path("/runpod-volume")


def mode() -> str:
    """`production` or `fast-test`, from ISENGARD_MODE; anything else is an error a person can mend."""
    value = os.environ.get("ISENGARD_MODE", "production")
    if value not in MODES:
        raise ValueError(f"ISENGARD_MODE must be one of {', '.join(MODES)}, got {value!r}.")
    return value


def default_family() -> str:
    """The base model that is proposed: FLUX.1-dev, or the embedded one in fast-test mode."""
    return "mini" if mode() == "fast-test" else "flux1-dev"


def volume_root() -> Path:
    """Where all data lives: VOLUME_ROOT, else RunPod's volume, else the user's data folder. Never inside the pack."""
    if root := os.environ.get("VOLUME_ROOT"):
        return Path(root).expanduser().absolute()
    if _RUNPOD_VOLUME.is_dir():
        return _RUNPOD_VOLUME / "isengard"
    from platformdirs import user_data_path

    return user_data_path("isengard", appauthor=False)


@cache
def comfyui_path() -> Path | None:
    """A ComfyUI on this machine: COMFYUI_PATH, else the one whose custom_nodes folder holds this pack."""
    candidates = [Path(given).expanduser()] if (given := os.environ.get("COMFYUI_PATH")) else []
    if PACK.parent.name == "custom_nodes":
        candidates.append(PACK.parent.parent)
    return next((folder for folder in candidates if (folder / "comfy").is_dir()), None)


def log_level() -> str:
    """ISENGARD_LOG_LEVEL: debug, info (default), warning, error."""
    return os.environ.get("ISENGARD_LOG_LEVEL", "info").lower()


def rank() -> int:
    """This process's number among those that train together; 0 when it trains alone."""
    return int(os.environ.get("RANK", "0"))


def world_size() -> int:
    """How many processes train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def child_environment() -> dict[str, str]:
    """The environment that a trainer's process gets: ours, offline, with UTF-8 and unbuffered output."""
    return {
        **os.environ,
        "PYTHONUTF8": "1",
        "PYTHONUNBUFFERED": "1",
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
    }


def go_offline() -> None:
    """Keeps the model libraries off the network in this process; call before they are imported."""
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1")


def python_version() -> str:
    """Version of the Python that runs us, e.g. `3.11.7`."""
    return sys.version.split()[0]
