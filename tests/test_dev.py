"""`python . test` runs every check, tells how each came out, and fails when one does."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from isengard.tests.architecture.sources import ROOT

pytestmark = pytest.mark.slow
TESTS = '''"""Two tests."""

import pytest


def test_a() -> None:
    """Compares."""
    assert int("4") == {}


def test_b() -> None:
    """Waits."""
    pytest.skip("no moon: wait for the night")
'''


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of one module and two tests, with our settings and checks, in which all is well."""
    folder = tmp_path / "any name"
    (folder / "tests").mkdir(parents=True)
    for name in ("dev.py", "loader.py", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    (folder / "tests" / "test_it.py").write_text(TESTS.format(4), encoding="utf-8")
    return folder


def run(project: Path, *args: str) -> tuple[int, str]:
    """Exit code and closing summary of `python . test`."""
    command = [sys.executable, "dev.py", *args]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=300, check=False)
    return done.returncode, done.stdout.partition("== summary ==")[2] or done.stdout + done.stderr


def test_all_is_well(project: Path) -> None:
    """Exit code 0, a line for each check, and what was skipped with its reason."""
    code, summary = run(project)
    assert code == 0, summary
    assert summary.count("passed ") == 4
    assert "skipped  1 test: no moon: wait for the night" in summary


def test_each_fault_is_found_and_none_hides_another(project: Path) -> None:
    """A fault for ruff, for the formatter, for mypy and for pytest: all four are reported in one go."""
    (project / "log.py").write_text("import os\ndef f( ) -> int:\n    return 'one'\n", encoding="utf-8")
    (project / "tests" / "test_it.py").write_text(TESTS.format(5), encoding="utf-8")
    code, summary = run(project)
    assert code == 1
    assert [line.split()[0] for line in summary.strip().splitlines()[:4]] == ["FAILED"] * 4
    assert "4 of 4 checks failed." in summary


def test_lint_leaves_pytest_out(project: Path) -> None:
    """The quick checks alone, for while one works."""
    code, summary = run(project, "--lint")
    assert code == 0, summary
    assert "pytest" not in summary


def test_arguments_go_to_pytest(project: Path) -> None:
    """What the checks don't know is pytest's."""
    code, summary = run(project, "-k", "test_b")
    assert code == 0, summary
    assert "skipped  1 test" in summary


def test_the_long_files_are_there() -> None:
    text = (ROOT / "tests" / "conftest.py").read_text(encoding="utf-8")
    names = re.findall(r'"(\w+/[\w/]+\.py)"', text)
    assert len(names) > 40
    assert [name for name in names if not (ROOT / "tests" / name).is_file()] == []
