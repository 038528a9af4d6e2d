"""A running ComfyUI: one for all tests that leave it running, and a fresh one for those that don't."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from isengard.tests.comfyui.host import ComfyUI
from isengard.tests.comfyui.running import Running


@pytest.fixture(scope="session")
def running(comfyui: ComfyUI, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A ComfyUI that is started once for the session. Tests leave nothing in its queue."""
    host = Running(comfyui, tmp_path_factory.mktemp("comfyui"))
    try:
        yield host.start()
    finally:
        host.kill()
        shutil.rmtree(host.base, ignore_errors=True)


@pytest.fixture
def another(comfyui: ComfyUI, tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Makes ComfyUIs that a test may kill, start again or break."""
    made: list[Running] = []

    def make(**environment: Any) -> Running:
        made.append(Running(comfyui, tmp_path / f"comfyui{len(made)}", environment))
        made[-1].base.mkdir()
        return made[-1]

    yield make
    for host in made:
        host.kill()
