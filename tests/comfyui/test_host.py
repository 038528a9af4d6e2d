"""The bridge to a real ComfyUI, on which the tests against it stand."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from isengard.tests.comfyui.host import ComfyUI, find_comfyui

REPORT = """
import json, sys
import comfy.model_management, comfyui_version, folder_paths, nodes
print("a line that is not the answer")
print(json.dumps({
    "version": comfyui_version.__version__,
    "device": str(comfy.model_management.get_torch_device()),
    "loaders": "LoraLoaderModelOnly" in nodes.NODE_CLASS_MAPPINGS,
    "arguments": sys.argv[1:],
}))
"""


@pytest.mark.slow
@pytest.mark.comfyui
def test_a_script_runs_inside_comfyui_on_the_cpu(run_in_comfyui: Callable[..., Any], tmp_path: Path) -> None:
    """A script meets ComfyUI's own modules, a version we support, the CPU, and its arguments."""
    script = tmp_path / "report.py"
    script.write_text(REPORT, encoding="utf-8")
    report = run_in_comfyui(script, ["one", 2])
    assert tuple(int(part) for part in report.pop("version").split(".")[:3]) >= (0, 3, 64)
    assert report == {"device": "cpu", "loaders": True, "arguments": ["one", "2"]}


@pytest.mark.slow
@pytest.mark.comfyui
def test_a_script_that_fails_shows_why(run_in_comfyui: Callable[..., Any], tmp_path: Path) -> None:
    """What the script died of stands in the failure."""
    script = tmp_path / "broken.py"
    script.write_text("raise ValueError('seven apples')", encoding="utf-8")
    with pytest.raises(AssertionError, match="seven apples"):
        run_in_comfyui(script)


def test_the_comfyui_around_the_pack_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pack in custom_nodes is tested against the ComfyUI it is installed in, with that one's environment."""
    monkeypatch.delenv("COMFYUI_PATH", raising=False)
    monkeypatch.delenv("COMFYUI_PYTHON", raising=False)
    host = _make_host(tmp_path / "ComfyUI")
    assert find_comfyui(host.path / "custom_nodes" / "any name") == host


def test_the_variables_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """COMFYUI_PATH wins over the ComfyUI around the pack."""
    host = _make_host(tmp_path / "chosen")
    monkeypatch.setenv("COMFYUI_PATH", str(host.path))
    monkeypatch.delenv("COMFYUI_PYTHON", raising=False)
    assert find_comfyui(_make_host(tmp_path / "other").path / "custom_nodes" / "isengard") == host


@pytest.mark.parametrize("variable", ["COMFYUI_PATH", "COMFYUI_PYTHON"])
def test_a_variable_that_points_to_nothing_is_an_error(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever names a ComfyUI wants the tests to run: a wrong name doesn't skip them silently."""
    monkeypatch.setenv("COMFYUI_PATH", str(_make_host(tmp_path / "ComfyUI").path))
    monkeypatch.setenv(variable, str(tmp_path / "nothing"))
    with pytest.raises(FileNotFoundError, match=variable):
        find_comfyui(tmp_path)


def test_no_comfyui_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a ComfyUI anywhere there is none to test against, and nothing is raised."""
    monkeypatch.delenv("COMFYUI_PATH", raising=False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert find_comfyui(tmp_path / "pack") is None


def _make_host(folder: Path) -> ComfyUI:
    python = folder / "venv" / "bin" / "python"
    for needed in (folder / "comfy", folder / "custom_nodes", python.parent):
        needed.mkdir(parents=True)
    python.touch()
    return ComfyUI(folder.resolve(), python)
