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
PYTHON = sys.executable
runpy.run_path(str(ROOT / "loader.py"))["load_package"](ROOT)

from isengard.tests.comfyui.host import HOW_TO_GET_ONE, ComfyUI, find_comfyui, run_script  # noqa: E402 (loaded above)
from isengard.tests.warm.interpreter import taken_for  # noqa: E402

LONG = (
    "comfyui/test_queue_inside.py", "comfyui/test_workflows_on_flux.py", "comfyui/test_generating_inside.py",
    "trainer/test_compiled.py", "comfyui/test_nodes_inside.py", "trainer/test_resume.py", "browser/test_flow.py",
    "web/test_training_flow.py", "release/test_first_hour.py", "browser/test_monitor.py", "browser/test_in_comfyui.py",
    "trainer/test_memory_plan.py", "library/test_exchange_killed.py", "comfyui/test_flux_inside.py",
    "release/test_chaos.py", "release/test_chaos_inside.py", "browser/test_characters.py", "cli/test_demo.py",
    "trainer/test_supervisor.py", "web/test_openapi.py", "web/test_captioning.py", "trainer/test_frozen_base.py",
    "trainer/test_flux1_loading.py", "generator/test_diffusers.py", "release/test_package.py",
    "browser/test_resilience.py", "comfyui/test_comfyui_gone.py", "browser/test_dataset.py", "browser/test_haste.py",
    "browser/test_flux_in_comfyui.py", "browser/test_photos.py", "comfyui/test_lora_keys.py", "comfyui/test_canvas.py",
    "trainer/test_processes.py", "browser/test_generate.py", "test_dev.py", "browser/test_arriving.py",
    "library/test_trash.py", "browser/test_jobs.py", "trainer/test_cli_bad_input.py", "web/test_security.py",
    "library/captions/test_florence2.py", "cli/test_library.py", "comfyui/test_security_inside.py",
    "web/test_done_at_once.py", "browser/test_captions.py", "trainer/test_flux1_job.py", "mini/test_build.py",
    "browser/test_languages.py", "comfyui/test_startup.py", "comfyui/test_conditioning.py", "web/test_killed.py",
    "trainer/test_flux1.py", "release/test_install.py", "comfyui/test_graphs_inside.py", "web/test_security_wire.py",
    "browser/test_trash.py", "library/test_killed.py", "web/test_serve.py", "library/report/test_photo.py",
    "browser/test_pick.py", "trainer/test_hosted.py", "trainer/test_one_device.py", "nodes/test_supervising.py",
    "web/test_security_files.py", "library/exchange/test_what_is_inside.py", "trainer/test_preservation.py",
    "trainer/test_run.py",
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
        patch.setattr(sys, "executable", taken_for(PYTHON))
        yield


@pytest.fixture
def cold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where `imports_done` would be in the way: what is started is a Python of its own."""
    monkeypatch.setattr(sys, "executable", PYTHON)


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
