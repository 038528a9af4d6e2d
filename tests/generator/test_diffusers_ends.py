"""Every way in which the diffusers generator's process ends: cancelled, killed, idle, its parent gone."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from isengard.errors import IsengardError
from isengard.generator import diffusers
from isengard.generator.diffusers import DiffusersGenerator
from isengard.process import birth_time
from isengard.tests.generator.made import all_events, mini, pixels
from isengard.trainer.job import BaseFiles

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("imports_done")]
SCRIPTS = Path(__file__).with_name("scripts.py")
PATIENCE = 240.0
"""Seconds to wait for what a process does; only a hanging one needs them."""


def gone(pid: int) -> bool:
    """Whether a process ends by itself."""
    deadline = time.monotonic() + PATIENCE
    while birth_time(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return birth_time(pid) == ""


async def test_cancelling_is_heeded_within_a_picture(
    tmp_path: Path, flux_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the middle of the steps; the process stays for the next request. One of its steps may take long on a busy
    machine, so that it gets more than two seconds, and the picture is large enough not to be done by then."""
    monkeypatch.setattr(diffusers, "CANCEL_SECONDS", PATIENCE)
    generator, cancelled, step = DiffusersGenerator(tmp_path), asyncio.Event(), 0
    base = BaseFiles(transformer=str(flux_folder))
    large = mini(family="flux1-dev", base=base, steps=100, width=512, height=512)
    async for event in generator.run(large, tmp_path, cancelled):
        assert event["type"] != "picture"
        step = event.get("step", step)
        if step >= 2:
            cancelled.set()
    assert 2 <= step < 100
    first = generator._process
    assert [e["type"] for e in await all_events(generator, mini(), tmp_path)][-1] == "picture"
    assert generator._process is first
    await generator.close()


@pytest.mark.usefixtures("cold")
async def test_cancelling_is_heeded_while_the_model_is_loaded(tmp_path: Path) -> None:
    """The process, which can't hear then, is ended; the next request gets a new one."""
    generator, cancelled = DiffusersGenerator(tmp_path), asyncio.Event()
    pid = 0
    async for event in generator.run(mini(), tmp_path, cancelled):
        assert event["type"] == "loading"
        if not pid:
            assert generator._process is not None
            pid = generator._process.pid
            os.kill(pid, signal.SIGSTOP)  # so that it hears nothing, however quickly it loads
        cancelled.set()
    assert pid
    assert birth_time(pid) == ""
    assert generator._process is None
    await generator.close()


async def test_a_killed_process_is_explained_and_replaced(tmp_path: Path) -> None:
    """GENERATOR_DIED says how and shows the end of its log; the next request works."""
    generator = DiffusersGenerator(tmp_path)

    async def kill_in_the_midst() -> None:
        async for event in generator.run(mini(steps=100, count=16), tmp_path, asyncio.Event()):
            if event["type"] == "progress" and event["step"] == 3:
                assert generator._process is not None
                os.kill(generator._process.pid, signal.SIGKILL)

    with pytest.raises(IsengardError) as caught:
        await kill_in_the_midst()
    assert caught.value.code == "GENERATOR_DIED"
    assert "killed from outside" in caught.value.message
    assert "tail" in caught.value.details
    assert [e["type"] for e in await all_events(generator, mini(), tmp_path)][-1] == "picture"
    await generator.close()


async def test_an_idle_model_gives_its_memory_back(tmp_path: Path) -> None:
    """Its process ends by itself; asked again, a new one makes the same picture."""
    generator = DiffusersGenerator(tmp_path, idle_seconds=0.5)
    await all_events(generator, mini(), tmp_path / "a")
    assert generator._process is not None
    pid = generator._process.pid
    assert await asyncio.to_thread(gone, pid)
    await all_events(generator, mini(), tmp_path / "b")
    assert np.array_equal(pixels(tmp_path / "a" / "00.png"), pixels(tmp_path / "b" / "00.png"))
    await generator.close()


def test_no_orphan_is_left_when_the_parent_is_killed(tmp_path: Path) -> None:
    """The process ends by itself, in the middle of a picture."""
    parent = subprocess.Popen([sys.executable, str(SCRIPTS), "hold", str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert birth_time(child)
    finally:
        parent.kill()
        parent.wait()
    assert gone(child)
