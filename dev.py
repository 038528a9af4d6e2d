"""All checks of the project, one after the other: what `python . test` and `make test` run. Standard library only."""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent
BUILD = ROOT / "build"
CODE = ("bench", "cli", "generator", "library", "media", "nodes", "trainer", "web")
"""The folders whose types are checked, beside the root's own modules."""
PANEL = ROOT / "web" / "panel"
_REPORT = BUILD / "pytest.xml"
_INSTALL = f"install it: {Path(sys.executable).name} -m pip install -r requirements-dev.txt"


@dataclass(frozen=True)
class Check:
    """One check: a Python module that is run with these arguments, or a script of the panel's package.json."""

    name: str
    module: str
    args: list[str]
    folder: Path = ROOT
    """Where it runs."""

    @property
    def command(self) -> list[str]:
        """What is run."""
        return [*_npm(), *self.args] if self.module == "npm" else [sys.executable, "-m", self.module, *self.args]


@dataclass(frozen=True)
class Outcome:
    """How a check came out."""

    check: Check
    passed: bool
    note: str
    seconds: float = 0


def main(argv: list[str]) -> int:
    """Runs every check even if one fails, sums up, and returns 0 only if all passed."""
    parser = argparse.ArgumentParser(
        prog="python . test", description=__doc__, epilog="What else is given goes to pytest: python . test -k resume"
    )
    parser.add_argument("--lint", action="store_true", help="only the quick checks: ruff and mypy")
    options, pytest_args = parser.parse_known_args(argv)
    _REPORT.unlink(missing_ok=True)
    checks = [*_quick_checks(), *([] if options.lint else [*_panel(), _tests(pytest_args)])]
    outcomes = [_run(check) for check in checks]
    _sum_up(outcomes)
    return 0 if all(outcome.passed for outcome in outcomes) else 1


def _quick_checks() -> Iterator[Check]:
    yield Check("ruff check", "ruff", ["check", "."])
    yield Check("ruff format", "ruff", ["format", "--check", "--output-format", "concise", "."])
    config = ["--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", str(BUILD / "mypy")]
    yield Check("mypy", "mypy", [*config, "-p", "isengard"], BUILD / "types")


def _panel() -> Iterator[Check]:
    """The panel built as it is published, which the browser's tests open, and its own tests; nothing without npm."""
    if not PANEL.is_dir():
        return
    if not _npm():
        print("npm was not found: the panel is not built and not tested. Install Node.js 20 or newer to have it done.")
        return
    lock, installed = PANEL / "package-lock.json", PANEL / "node_modules" / ".package-lock.json"
    if not installed.is_file() or installed.stat().st_mtime < lock.stat().st_mtime:
        yield Check("npm ci", "npm", ["ci", "--no-audit", "--no-fund"], PANEL)
    yield Check("panel build", "npm", ["run", "build"], PANEL)
    yield Check("panel tests", "npm", ["test"], PANEL)


def _npm() -> list[str]:
    """How npm is started; empty where there is none."""
    found = shutil.which("npm")
    return [found] if found else []


def _tests(args: list[str]) -> Check:
    """All tests, three files at a time, so that two cores are busy while one waits for something. A file's tests share
    what they start, and tests/conftest.py sets the order."""
    found = importlib.util.find_spec("xdist")
    side_by_side = ["-n", "3", "--dist", "loadfile", "--no-loadscope-reorder"] if found else []
    return Check("pytest", "pytest", ["-m", "", *side_by_side, f"--junit-xml={_REPORT}", *args])


def _run(check: Check) -> Outcome:
    print(f"\n== {check.name} ==", flush=True)
    if check.module != "npm" and importlib.util.find_spec(check.module) is None:
        print(f"{check.module} is not installed in {sys.executable}; {_INSTALL}")
        return Outcome(check, False, f"not installed; {_INSTALL}")
    if check.module == "mypy":
        _copy_as_package(check.folder / "isengard")
    start = time.monotonic()
    done = subprocess.run(check.command, cwd=check.folder, check=False)
    note = "" if done.returncode == 0 else f"see above (exit code {done.returncode})"
    return Outcome(check, done.returncode == 0, note, time.monotonic() - start)


def _copy_as_package(target: Path) -> None:
    """Copies the sources to a folder called `isengard`: mypy needs the package's name, and ours may be any folder."""
    shutil.rmtree(target, ignore_errors=True)
    sources = [*ROOT.glob("*.py"), *(file for folder in CODE for file in (ROOT / folder).rglob("*.py"))]
    for source in sources:
        if "node_modules" not in source.parts:
            copy = target / source.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, copy)


def _sum_up(outcomes: list[Outcome]) -> None:
    print("\n== summary ==")
    for outcome in outcomes:
        word = "passed" if outcome.passed else "FAILED"
        print(f"{word:8} {outcome.check.name:12} {outcome.seconds:5.0f} s  {outcome.note}".rstrip())
    for reason, count in _skipped().most_common():
        print(f"skipped  {count} {'test' if count == 1 else 'tests'}: {reason}")
    failed = sum(not outcome.passed for outcome in outcomes)
    print(f"{failed} of {len(outcomes)} checks failed." if failed else "All checks passed.", flush=True)


def _skipped() -> Counter[str]:
    """Why tests were skipped, and how many for each reason, as pytest reported it."""
    if not _REPORT.is_file():
        return Counter()
    return Counter(skip.get("message", "") for skip in ElementTree.parse(_REPORT).iter("skipped"))


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main(sys.argv[1:]))
