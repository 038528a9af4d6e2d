"""Folders: where data and LoRAs go, from the environment, a file and the ComfyUI around us."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from isengard import settings
from isengard.errors import IsengardError


@pytest.fixture
def in_comfyui(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module like ComfyUI's folder_paths, in whose process we are."""
    for name in ("VOLUME_ROOT", "ISENGARD_LORAS", "ISENGARD_MODELS", "COMFYUI_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(settings, "_RUNPOD_VOLUME", tmp_path / "none")
    found = ModuleType("folder_paths")
    found.__file__ = str(tmp_path / "ComfyUI" / "folder_paths.py")
    (tmp_path / "ComfyUI" / "comfy").mkdir(parents=True)
    found.folder_names_and_paths = {"loras": None}  # type: ignore[attr-defined]
    found.get_user_directory = lambda: str(tmp_path / "user")  # type: ignore[attr-defined]
    found.get_folder_paths = lambda kind: [str(tmp_path / "models" / kind)]  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "folder_paths", found)
    settings.comfyui_path.cache_clear()
    return found


@pytest.fixture(autouse=True)
def forget() -> None:
    """What was found is found anew in each test."""
    settings.comfyui_path.cache_clear()


def test_in_comfyui_data_is_in_a_user_folder_that_is_not_served(in_comfyui: ModuleType, tmp_path: Path) -> None:
    """`__isengard`, or where a newer ComfyUI says that such folders are."""
    assert settings.volume_root() == tmp_path / "user" / "__isengard"
    in_comfyui.get_system_user_directory = lambda name: str(tmp_path / "system" / name)  # type: ignore[attr-defined]
    assert settings.volume_root() == tmp_path / "system" / "isengard"


def test_loras_go_where_comfyui_finds_them(
    in_comfyui: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first of its LoRA folders, unless settings.json or the environment say otherwise."""
    assert settings.lora_folder() == tmp_path / "models" / "loras" / "isengard"
    file = settings.volume_root() / "settings.json"
    file.parent.mkdir(parents=True)
    file.write_text('{"loras": "/somewhere/loras"}', encoding="utf-8")
    assert settings.lora_folder() == Path("/somewhere/loras")
    file.write_text('{"loras": "weights"}', encoding="utf-8")
    assert settings.lora_folder() == settings.volume_root() / "weights"
    monkeypatch.setenv("ISENGARD_LORAS", str(tmp_path / "mine"))
    assert settings.lora_folder() == tmp_path / "mine"


def test_settings_that_can_not_be_read_are_an_error(in_comfyui: ModuleType) -> None:
    """With the file's path: a LoRA must not land in another folder than the one that was meant."""
    file = settings.volume_root() / "settings.json"
    file.parent.mkdir(parents=True)
    for text in ("{", "[]", '"text"', '{"loras": 5}'):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(IsengardError, match=r"SETTINGS_INVALID: .*settings\.json can't be read"):
            settings.lora_folder()


def test_children_find_the_comfyui_that_runs_us(in_comfyui: ModuleType, tmp_path: Path) -> None:
    """Its tokenizers serve the trainer."""
    assert settings.comfyui_path() == tmp_path / "ComfyUI"
    assert settings.child_environment()["COMFYUI_PATH"] == str(tmp_path / "ComfyUI")


def test_elsewhere_loras_stay_in_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No ComfyUI, no setting: the library decides."""
    monkeypatch.delenv("ISENGARD_LORAS", raising=False)
    monkeypatch.setenv("VOLUME_ROOT", str(tmp_path))
    assert settings.lora_folder() is None


@pytest.mark.parametrize(("name", "value"), [("ISENGARD_MODE", "fast"), ("ISENGARD_PORT", "http")])
def test_what_can_not_be_meant_is_told_by_every_command(name: str, value: str, tmp_path: Path) -> None:
    """With the name and the value, and no traceback."""
    for command in [["serve"]] if name == "ISENGARD_PORT" else [["serve"], ["train"], ["generate"]]:
        done = subprocess.run(
            [sys.executable, str(settings.PACK), *command],
            env={**os.environ, "VOLUME_ROOT": str(tmp_path), name: value},
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert f"SETTINGS_INVALID: {name} must be" in done.stderr, command
        assert (done.returncode, "Traceback" in done.stderr) == (2, False), command
