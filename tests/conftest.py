"""Loads this folder as the package `isengard`, finds a ComfyUI, orders the files of a run on several workers, and says
at the end what was not tested and why."""

from __future__ import annotations

import os
import runpy
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

# Before torch is imported, and for all that tests start: small tensors gain nothing from threads, and those of several
# processes that wait for each other on few cores take ten times as long.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent
runpy.run_path(str(ROOT / "loader.py"))["load_package"](ROOT)

from isengard.tests.comfyui.host import HOW_TO_GET_ONE, ComfyUI, find_comfyui, run_script  # noqa: E402 (loaded above)
from isengard.tests.warm.interpreter import taken_for  # noqa: E402

LONG = (
    "web/test_training_flow.py", "comfyui/test_nodes_inside.py", "comfyui/test_generating_inside.py",
    "comfyui/test_queue_inside.py", "comfyui/test_workflows_on_flux.py", "browser/test_flow.py",
    "browser/test_in_comfyui.py", "browser/test_monitor.py", "release/test_chaos.py", "trainer/test_memory_plan.py",
    "library/test_exchange_killed.py", "generator/test_diffusers.py", "trainer/test_compiled.py",
    "trainer/test_resume.py", "web/test_openapi.py", "library/captions/test_florence2.py", "browser/test_photos.py",
    "release/test_chaos_inside.py", "trainer/test_supervisor.py", "browser/test_characters.py",
    "trainer/test_flux1_loading.py", "comfyui/test_flux_inside.py", "browser/test_resilience.py",
    "browser/test_flux_in_comfyui.py", "trainer/test_processes.py", "browser/test_generate.py",
    "trainer/test_frozen_base.py", "release/test_first_hour.py", "comfyui/test_canvas.py", "cli/test_demo.py",
    "comfyui/test_lora_keys.py", "trainer/test_flux1_job.py", "trainer/test_cli_bad_input.py",
    "web/test_done_at_once.py", "cli/test_library.py", "library/test_killed.py", "browser/test_dataset.py",
    "web/test_killed.py", "browser/test_build.py", "web/test_captioning.py", "test_dev.py", "mini/test_build.py",
    "comfyui/test_graphs_inside.py", "nodes/test_supervising.py", "comfyui/test_conditioning.py",
    "comfyui/test_startup.py", "release/test_package.py", "trainer/test_preservation.py", "web/test_security.py",
    "browser/test_pick.py", "comfyui/test_security_inside.py", "release/test_install.py", "cli/test_generate.py",
    "web/test_security_wire.py", "trainer/test_run.py", "comfyui/test_comfyui_gone.py", "trainer/test_flux1.py",
    "trainer/test_flux1_codec.py",
)  # fmt: skip
"""The files that take longest, begun first: one that is begun last keeps one worker busy while the other waits."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the long files first where several workers share the files."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return
    places = {TESTS / name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


@pytest.fixture(scope="session")
def comfyui() -> ComfyUI:
    """The ComfyUI to test against: its folder and its Python. Skips where there is none."""
    found = find_comfyui(ROOT)
    if found is None:
        pytest.skip(f"no ComfyUI was found: {HOW_TO_GET_ONE}")
    return found


@pytest.fixture(scope="module")
def imports_done() -> Iterator[None]:
    """What these tests start from this process begins without importing what is dear to import."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "executable", taken_for(sys.executable))
        yield


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
