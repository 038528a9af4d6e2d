"""Mode, folders and addresses: the only module that reads the environment or ComfyUI's folder_paths."""

from __future__ import annotations

import json
import os
import re
import sys
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .errors import IsengardError

PACK = Path(__file__).absolute().parent
"""The pack's own folder, as it was reached: a link in a ComfyUI's custom_nodes counts as being there."""

MODES = ("production", "fast-test")
_RUNPOD_VOLUME = Path("/runpod-volume")


def mode() -> str:
    """`production` or `fast-test`, from ISENGARD_MODE. Raises SETTINGS_INVALID for anything else."""
    value = os.environ.get("ISENGARD_MODE", "production")
    if value not in MODES:
        raise IsengardError("SETTINGS_INVALID", f"ISENGARD_MODE must be one of {', '.join(MODES)}, got {value!r}.")
    return value


def default_family() -> str:
    """The base model that is proposed: FLUX.1-dev, or the embedded one in fast-test mode."""
    return "mini" if mode() == "fast-test" else "flux1-dev"


def volume_root() -> Path:
    """Where all data lives: VOLUME_ROOT, else RunPod's volume, else a folder in ComfyUI's user directory that its
    user-data API does not serve, else the user's data folder. Never inside the pack."""
    if root := os.environ.get("VOLUME_ROOT"):
        return Path(root).expanduser().absolute()
    if _RUNPOD_VOLUME.is_dir():
        return _RUNPOD_VOLUME / "isengard"
    if (known := _folder_paths()) is not None:
        if hasattr(known, "get_system_user_directory"):
            return Path(known.get_system_user_directory("isengard"))
        return Path(known.get_user_directory()) / "__isengard"
    from platformdirs import user_data_path

    return user_data_path("isengard", appauthor=False)


def lora_folder(root: Path | None = None) -> Path | None:
    """Where trained LoRAs go: ISENGARD_LORAS, else `loras` in the settings.json of the data folder `root`, else
    ComfyUI's own folder if it runs us. None: in the library. Raises SETTINGS_INVALID for a file that can't be read."""
    if given := os.environ.get("ISENGARD_LORAS"):
        return Path(given).expanduser().absolute()
    home = (root or volume_root()).absolute()
    if given := _from_file(home, "loras"):
        return home / Path(given).expanduser()  # not from wherever the program was started
    known = _folder_paths()
    return Path(known.get_folder_paths("loras")[0]) / "isengard" if known is not None else None


def _folder_paths() -> Any:
    """ComfyUI's module of that name, if this process is a ComfyUI."""
    known = sys.modules.get("folder_paths")
    return known if hasattr(known, "get_user_directory") else None


def _from_file(root: Path, name: str) -> str:
    file = root / "settings.json"
    try:
        found = json.loads(file.read_text(encoding="utf-8")).get(name) or ""
        if not isinstance(found, str):
            raise ValueError(f"{name} must be a text, got {found!r:.60}")
        return found
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, AttributeError) as problem:
        raise IsengardError("SETTINGS_INVALID", f"{file} can't be read: {problem}.") from problem


@cache
def comfyui_path() -> Path | None:
    """A ComfyUI on this machine: the one that runs us, else COMFYUI_PATH, else the one whose custom_nodes holds this
    pack."""
    known = _folder_paths()
    candidates = [Path(known.__file__).parent] if known is not None else []
    candidates += [Path(given).expanduser()] if (given := os.environ.get("COMFYUI_PATH")) else []
    if PACK.parent.name == "custom_nodes":
        candidates.append(PACK.parent.parent)
    return next((folder for folder in candidates if (folder / "comfy").is_dir()), None)


def model_folders(kind: str) -> list[Path]:
    """Folders with model files of a kind (`vae`, `loras`, …): those that ComfyUI knows, and ISENGARD_MODELS, a folder
    laid out like ComfyUI's `models`."""
    known = sys.modules.get("folder_paths")
    if known is not None and kind in known.folder_names_and_paths:
        found = [Path(folder) for folder in known.get_folder_paths(kind)]
    else:
        found = [comfyui / "models" / kind] if (comfyui := comfyui_path()) else []
    if more := os.environ.get("ISENGARD_MODELS"):
        found.append(Path(more).expanduser().absolute() / kind)
    return found


def server_host() -> str:
    """ISENGARD_HOST: the address that `serve` listens on; loopback unless something else is asked for."""
    return os.environ.get("ISENGARD_HOST", "127.0.0.1")


def server_port() -> int:
    """ISENGARD_PORT, 8377 unless something else is asked for. Raises SETTINGS_INVALID for what is no port."""
    value = os.environ.get("ISENGARD_PORT", "8377")
    if not value.isdecimal() or not 0 <= int(value) <= 65535:
        raise IsengardError("SETTINGS_INVALID", f"ISENGARD_PORT must be 0–65535, got {value!r}.")
    return int(value)


def server_token() -> str:
    """ISENGARD_TOKEN: what a client must know where `serve` listens on the network."""
    return os.environ.get("ISENGARD_TOKEN", "")


def comfyui_url() -> str:
    """COMFYUI_URL: the ComfyUI that makes pictures for the standalone host, by default over http; empty for none."""
    given = os.environ.get("COMFYUI_URL", "").strip().rstrip("/")
    return f"http://{given}" if given and "://" not in given else given


def without_password(address: str) -> str:
    """An address as it may be shown."""
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def log_level() -> str:
    """ISENGARD_LOG_LEVEL: debug, info (default), warning, error."""
    return os.environ.get("ISENGARD_LOG_LEVEL", "info").lower()


def rank() -> int:
    """This process's number among those that train together; 0 when it trains alone."""
    return int(os.environ.get("RANK", "0"))


def world_size() -> int:
    """How many processes train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


PATIENT_THREADS = "PASSIVE"
"""How OpenMP's threads wait for each other. By default they burn their core, which is quick where nobody else wants it,
and up to a hundred times slower where somebody does: a ComfyUI, a browser."""


def child_environment() -> dict[str, str]:
    """The environment that a trainer's process gets: ours, offline, with UTF-8 and unbuffered output; it finds the same
    ComfyUI."""
    comfyui = comfyui_path()
    return {
        **os.environ,
        **({"COMFYUI_PATH": str(comfyui)} if comfyui else {}),
        "PYTHONUTF8": "1",
        "PYTHONUNBUFFERED": "1",
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
    }


def python() -> list[str]:
    """How the command line of a process of our own begins: this Python, with UTF-8 and unbuffered, and without the
    packages in the user's account where we run without them. A portable Python heeds no environment variables."""
    return [sys.executable, "-X", "utf8", "-u", *(["-s"] if sys.flags.no_user_site else [])]


def go_offline() -> None:
    """Keeps the model libraries off the network in this process, and its threads from burning cores while they wait.

    Call it before those libraries are imported.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", PATIENT_THREADS)
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1")


@cache
def version() -> str:
    """The pack's version, which stands in pyproject.toml alone; empty for a folder that has lost that file."""
    try:
        text = (PACK / "pyproject.toml").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""
    found = re.search(r'^version = "([^"]+)"$', text, re.MULTILINE)
    return found[1] if found else ""


def python_version() -> str:
    """Version of the Python that runs us, e.g. `3.11.7`."""
    return sys.version.split()[0]
