"""Finds a ComfyUI on this machine and runs scripts inside its environment, on the CPU."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

HOW_TO_GET_ONE = (
    "set COMFYUI_PATH to its folder and COMFYUI_PYTHON to the Python it runs with, "
    "or install it to ~/comfy/ComfyUI with its environment in ~/comfy/venv"
)
_PYTHONS = ("bin/python", "Scripts/python.exe", "python.exe")
_ENVIRONMENTS = ("venv", ".venv", "../venv", "../.venv", "../python_embeded")
_INSIDE = Path(__file__).with_name("inside.py")


class ComfyUI(NamedTuple):
    """A ComfyUI that can be started."""

    path: Path
    python: Path


def find_comfyui(pack: Path) -> ComfyUI | None:
    """COMFYUI_PATH, else the ComfyUI whose custom_nodes folder holds the pack, else ~/comfy/ComfyUI; None without one.

    A COMFYUI_PATH or COMFYUI_PYTHON that points to nothing is an error: who sets it wants these tests to run.
    """
    given = os.environ.get("COMFYUI_PATH")
    if given:
        folder = Path(given).expanduser().resolve()
        if not (folder / "comfy").is_dir():
            raise FileNotFoundError(f"COMFYUI_PATH is {given}, but there is no ComfyUI: {HOW_TO_GET_ONE}.")
    else:
        around = [pack.parent.parent] if pack.parent.name == "custom_nodes" else []
        candidates = [*around, Path.home() / "comfy" / "ComfyUI"]
        folder = next((folder for folder in candidates if (folder / "comfy").is_dir()), Path())
    python = _python_of(folder) if folder != Path() else None
    return ComfyUI(folder, python) if python else None


def _python_of(folder: Path) -> Path | None:
    given = os.environ.get("COMFYUI_PYTHON")
    if given:
        python = Path(given).expanduser().absolute()
        if not python.is_file():
            raise FileNotFoundError(f"COMFYUI_PYTHON is {given}, but there is no such file: {HOW_TO_GET_ONE}.")
        return python
    for environment in _ENVIRONMENTS:
        for name in _PYTHONS:
            python = Path(os.path.normpath(folder / environment / name))  # not resolved: a venv's python is a link
            if python.is_file():
                return python
    return Path(sys.executable) if importlib.util.find_spec("comfyui_frontend_package") else None


def run_script(host: ComfyUI, script: Path, args: list[str], *, timeout: float = 300) -> Any:
    """Runs a Python file inside ComfyUI's environment, on the CPU and offline; gives the JSON on its last line.

    The script can import `comfy`, `folder_paths` and `nodes` at once. Fails with the end of its output if it fails.
    """
    command = [str(host.python), str(_INSIDE), str(host.path), str(Path(script).resolve()), *args]
    environment = {**os.environ, "PYTHONUTF8": "1", "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        command, cwd=host.path, env=environment, capture_output=True, encoding="utf-8", timeout=timeout, check=False
    )
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        shown = f"{done.stdout[-1500:]}\n{done.stderr[-4000:]}"
        raise AssertionError(f"{script} ended with code {done.returncode} inside {host.path}:\n{shown}")
    return json.loads(lines[-1])
