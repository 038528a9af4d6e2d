"""The pack's folder becomes the package `isengard` whatever its name, and its `__init__.py` waits for ComfyUI."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from isengard.tests.architecture.sources import ROOT

DOOR = "raise RuntimeError('the door for ComfyUI was opened')\n"


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """A small pack in a folder whose name is no Python name; its `__init__.py` must not run."""
    folder = tmp_path / "ComfyUI-Isengard 2"
    (folder / "nodes").mkdir(parents=True)
    shutil.copy(ROOT / "loader.py", folder)
    (folder / "__init__.py").write_text(DOOR, encoding="utf-8")
    (folder / "nodes" / "__init__.py").write_text("", encoding="utf-8")
    (folder / "errors.py").write_text("ANSWER = 42\n", encoding="utf-8")
    (folder / "nodes" / "train.py").write_text("from ..errors import ANSWER\n", encoding="utf-8")
    return folder


def run(*command: object, folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs Python in a folder."""
    words = [sys.executable, *map(str, command)]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def test_any_folder_loads_as_isengard(pack: Path, tmp_path: Path) -> None:
    """`python <folder>` finds the pack's modules by the package's name and none by its bare name."""
    program = """
    import importlib.util
    from pathlib import Path
    from loader import load_package

    assert importlib.util.find_spec("nodes"), "the folder is on the path at first"
    package = load_package(Path(__file__).parent)
    assert load_package(Path(__file__).parent) is package
    from isengard.nodes.train import ANSWER
    print(ANSWER, importlib.util.find_spec("nodes"))
    """
    (pack / "__main__.py").write_text("\n".join(line[4:] for line in program.splitlines()), encoding="utf-8")
    done = run(pack, folder=tmp_path)
    assert (done.stdout.strip(), done.stderr) == ("42 None", "")


def test_two_packs_in_one_process_are_refused(pack: Path, tmp_path: Path) -> None:
    """Modules of two checkouts are never mixed."""
    code = "import loader; loader.load_package('.'); loader.load_package('..')"
    done = run("-c", code, folder=pack)
    assert done.returncode == 1
    assert "isengard is loaded already" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("args", [[], ["tests/test_it.py"]])
def test_plain_pytest_leaves_the_door_shut(pack: Path, args: list[str]) -> None:
    """`pytest` from the root runs the tests and not the pack's `__init__.py`, which needs ComfyUI."""
    for name in ("pyproject.toml", "tests/conftest.py", "tests/comfyui/host.py", "tests/warm/interpreter.py"):
        (pack / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, pack / name)
    (pack / "tests" / "test_it.py").write_text(
        "from isengard.nodes.train import ANSWER\ndef test_it():\n    assert ANSWER == 42\n", encoding="utf-8"
    )
    done = run("-m", "pytest", *args, folder=pack)
    assert "1 passed" in done.stdout, done.stdout + done.stderr
