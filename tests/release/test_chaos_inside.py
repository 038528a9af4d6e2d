"""ComfyUI itself is killed while a job of ours is in its queue, again and again: the job is there and goes on."""

from __future__ import annotations

import os
import random
import shutil
import time
from pathlib import Path

import pytest

from isengard.tests.comfyui.host import ComfyUI
from isengard.tests.comfyui.running import SMALL, Running, node
from isengard.trainer.job import JobFolder, read_events

pytestmark = [pytest.mark.slow, pytest.mark.comfyui]
STOPPED = ("paused", "interrupted", "failed", "cancelled")
KILLS = 3


def test_a_killed_comfyui_loses_nothing(comfyui: ComfyUI, tmp_path: Path) -> None:
    """Whenever it is killed: the job is found, marked, resumed, and comes to its end with gapless events."""
    seed = int(os.environ.get("ISENGARD_CHAOS_SEED", random.randrange(10**6)))
    print(f"ISENGARD_CHAOS_SEED={seed}")
    chance = random.Random(seed)
    host = Running(comfyui, tmp_path / "comfyui")
    host.base.mkdir()
    try:
        host.start()
        host.run({"c": node("IsengardCharacter", character="ada"), "shown": node("PreviewAny", source=["c", 1])})
        values = {**SMALL, "steps": 60, "save_every": 5, "sample_every": 30}
        wish = {"character": "ada", "preset": "quick", "family": "mini", "settings": values}
        job = str(host.ours.post("/training", wish, status=201)["id"])
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.2, 8))
            host.kill()
            host.start()
            assert [found["id"] for found in host.jobs()] == [job]
            state = host.until(lambda: _settled(host, job), "the job never settled")
            if state in STOPPED:
                host.ours.post(f"/training/{job}/resume")
        host.until(lambda: _done(host, job), "the job never ended")
        assert host.ours.get(f"/training/{job}")["step"] == 60
        lora = host.until(lambda: host.ours.get(f"/training/{job}")["lora"], "no LoRA was registered")
        assert (host.loras / f"{lora}.safetensors").is_file()
        assert len(host.ours.get("/characters/ada/images")["photos"]) == 14
        folder = JobFolder(host.root / "jobs" / job)
        numbers = [event["seq"] for event in read_events(folder.events_file)]
        assert numbers == list(range(1, len(numbers) + 1))
        assert folder.owner() is None
    finally:
        host.kill()
        shutil.rmtree(host.base, ignore_errors=True)


def _settled(host: Running, job: str) -> str:
    """The job's state, once nobody of the last ComfyUI works on it."""
    state = str(host.ours.get(f"/training/{job}")["state"])
    return state if state in (*STOPPED, "done") else ""


def _done(host: Running, job: str) -> bool:
    state = str(host.ours.get(f"/training/{job}")["state"])
    if state in STOPPED:
        host.ours.ask("POST", f"/training/{job}/resume")
    return state == "done"
