"""What the pack costs ComfyUI's start, and what becomes of ComfyUI when the pack is broken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from isengard import settings
from isengard.tests.comfyui.running import Running

pytestmark = [pytest.mark.slow, pytest.mark.comfyui]
SCRIPT = Path(__file__).parent / "scripts" / "load_pack.py"
HEAVY = ("diffusers", "peft", "accelerate", "matplotlib", "torchvision", "sentencepiece", "structlog", "pydantic_core")
MISSING = """
import pathlib, runpy, sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "structlog":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
for entry in sys.path:
    other = pathlib.Path(entry) / "sitecustomize.py"
    if other.is_file() and other.resolve() != pathlib.Path(__file__).resolve():
        runpy.run_path(str(other))
"""
"""A sitecustomize.py that hides a package, and runs the one that the environment may have."""


def test_loading_the_pack_is_cheap(run_in_comfyui: Callable[..., Any]) -> None:
    """Under 0.3 s of computing, and none of the heavy packages; at latest the second time, as caches are warm then."""
    found = run_in_comfyui(SCRIPT, [settings.PACK])
    if found["cpu"] >= 0.3:
        found = run_in_comfyui(SCRIPT, [settings.PACK])
    assert found["loaded"] is True
    assert [name for name in found["new"] if name.partition(".")[0] in HEAVY] == []
    assert found["cpu"] < 0.3, found


def test_a_missing_package_leaves_comfyui_running_and_is_told(another: Callable[..., Running], tmp_path: Path) -> None:
    """The log and our routes name the package and what to do; ComfyUI works without us."""
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "sitecustomize.py").write_text(MISSING, encoding="utf-8")
    host = another(PYTHONPATH=str(tmp_path / "hidden")).start()
    told = host.ours.ask("GET", "/health")
    assert (told.status, told.code) == (500, "PACKAGE_MISSING")
    assert "structlog" in told.json()["error"]["message"]
    assert "requirements.txt" in told.json()["error"]["hint"]
    assert "Python packages are missing: structlog" in host.log
    known = host.theirs.get("/object_info")
    assert "KSampler" in known
    assert "IsengardMini" not in known


def test_a_folder_that_can_not_be_used_is_told(another: Callable[..., Running], tmp_path: Path) -> None:
    """The nodes are there, our routes say what is wrong, and mending it needs no restart."""
    blocked = tmp_path / "file"
    blocked.write_text("not a folder", encoding="utf-8")
    host = another(VOLUME_ROOT=str(blocked / "library")).start()
    told = host.ours.ask("GET", "/health")
    assert told.status == 500
    assert told.json()["error"]["message"]
    assert "IsengardMini" in host.theirs.get("/object_info")
    blocked.unlink()
    assert host.ours.get("/health")["status"] == "ok"
