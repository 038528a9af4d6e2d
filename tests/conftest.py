"""Loads this folder as the package `isengard`, finds a ComfyUI, and says at the end what was not tested and why."""

from __future__ import annotations

import runpy
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
runpy.run_path(str(ROOT / "loader.py"))["load_package"](ROOT)

from isengard.tests.comfyui.host import HOW_TO_GET_ONE, ComfyUI, find_comfyui, run_script  # noqa: E402 (loaded above)


@pytest.fixture(scope="session")
def comfyui() -> ComfyUI:
    """The ComfyUI to test against: its folder and its Python. Skips where there is none."""
    found = find_comfyui(ROOT)
    if found is None:
        pytest.skip(f"no ComfyUI was found: {HOW_TO_GET_ONE}")
    return found


@pytest.fixture
def run_in_comfyui(comfyui: ComfyUI) -> Callable[..., Any]:
    """`run_in_comfyui(script_path, args)` runs a script inside ComfyUI on the CPU and gives its last line's JSON."""

    def run(script: Path, args: tuple[object, ...] | list[object] = (), *, timeout: float = 300) -> Any:
        return run_script(comfyui, script, [str(argument) for argument in args], timeout=timeout)

    return run


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Counts what was not run, by reason, before pytest's closing line."""
    reasons = Counter(str(report.longrepr[2]).removeprefix("Skipped: ") for report in _skipped(terminalreporter))
    left_out = len(terminalreporter.stats.get("deselected", []))
    if not reasons and not left_out:
        return
    terminalreporter.section("not run")
    for reason, count in reasons.most_common():
        terminalreporter.line(f"{count} skipped: {reason}")
    if left_out:
        terminalreporter.line(f"{left_out} left out by the selection: `make test` runs all of them, the slow ones too")


def _skipped(reporter: pytest.TerminalReporter) -> list[pytest.TestReport]:
    return [report for report in reporter.stats.get("skipped", []) if isinstance(report.longrepr, tuple)]
