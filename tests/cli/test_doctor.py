"""What the doctor finds, on real folders."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from isengard import settings
from isengard.cli import doctor


@pytest.fixture
def comfyui(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that looks like a ComfyUI without any model."""
    (tmp_path / "comfy").mkdir()
    monkeypatch.setenv("COMFYUI_PATH", str(tmp_path))
    settings.comfyui_path.cache_clear()
    yield tmp_path
    settings.comfyui_path.cache_clear()


def findings(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, str]]:
    doctor.main(["--json"])
    return {finding["topic"]: finding for finding in json.loads(capsys.readouterr().out)}


def test_every_finding_that_is_not_good_says_what_to_do(comfyui: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = findings(capsys)
    assert {"Python", "packages", "torch", "device", "memory", "disk", "embedded model"} <= set(found)
    assert found["FLUX.1-dev transformer"]["verdict"] == "note"
    for finding in found.values():
        assert finding["verdict"] in ("good", "note", "missing")
        assert finding["verdict"] == "good" or finding["next_step"], finding


def test_a_model_file_is_looked_into_not_believed_by_its_name(
    comfyui: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = comfyui / "models" / "vae"
    folder.mkdir(parents=True)
    (folder / "ae.safetensors").write_bytes(b"not a model")
    found = findings(capsys)["FLUX.1-dev vae"]
    assert found["verdict"] == "note"
    assert str(folder / "ae.safetensors") in found["found"]


def test_a_small_disk_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    full = shutil._ntuple_diskusage(10, 9, 1)  # type: ignore[attr-defined]
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: full)
    assert findings(capsys)["disk"]["verdict"] == "missing"
    assert doctor.main([]) == 2


def test_every_package_that_is_needed_is_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those of requirements.txt, and in the versions that stand there."""
    assert findings(capsys)["packages"]["verdict"] == "good"
    for line in (settings.PACK / "requirements.txt").read_text().splitlines():
        assert line.startswith("#") or doctor._LINE.fullmatch(line), line
    (tmp_path / "requirements.txt").write_text("# a comment\npillow>=99.1\nno-such-package>=1.0\nnumpy>=1.25\n")
    monkeypatch.setattr(settings, "PACK", tmp_path)
    found = findings(capsys)["packages"]
    assert found["verdict"] == "missing"
    assert "pillow 99.1 (installed: " in found["found"]
    assert "no-such-package" in found["found"]
    assert "numpy" not in found["found"]
