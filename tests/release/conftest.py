"""The package as the Comfy Registry would publish it."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from isengard import settings


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made by `python . package`; the panel is built for it where that can be done, else the test is skipped."""
    if not (settings.PACK / "web" / "dist" / "index.html").is_file():
        subprocess.run([sys.executable, str(settings.PACK / "install.py")], check=False, timeout=900)
        if not (settings.PACK / "web" / "dist" / "index.html").is_file():
            pytest.skip("the panel is not built, and can't be built without npm and a network")
    target = tmp_path_factory.mktemp("package") / "isengard.zip"
    done = subprocess.run(
        [sys.executable, str(settings.PACK), "package", "--untracked", "--out", str(target)],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    if "git does not say" in done.stderr:
        pytest.skip("this is no git checkout, so there is nothing to publish from")
    assert done.returncode == 0, done.stderr
    return target


def unpack(archive: Path, folder: Path) -> Path:
    """As ComfyUI Manager does."""
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(folder)
    return folder
