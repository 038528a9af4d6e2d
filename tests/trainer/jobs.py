"""Small jobs on the embedded model, and the trainer as a real process, for the tests beside."""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from PIL import Image

from isengard import settings
from isengard.tests.warm.interpreter import taken_for
from isengard.trainer.job import EventReader, ExitCode, JobFolder, TrainingConfig, config_from_dict, read_events
from isengard.trainer.plan import make_job

SETTINGS: dict[str, Any] = {
    "name": "Test", "trigger_word": "ohwx", "family": "mini", "device": "cpu", "resolutions": [64], "steps": 12,
    "batch_size": 2, "learning_rate": 1e-3, "warmup_steps": 2, "rank": 4, "alpha": 4, "save_dtype": "fp32",
    "save_every": 4, "sample_every": 4, "log_every": 1, "sample_prompts": ["{trigger} person", "person"],
    "sample_steps": 2, "sample_width": 64, "sample_height": 64, "caption_dropout": 0.3,
}  # fmt: skip
"""A training of seconds in which everything happens: three checkpoints, four rounds of samples."""
RunHere = Callable[..., ExitCode]
"""What the fixture `run_here` gives."""
STARTED: list[subprocess.Popen[str]] = []
"""What `start` has started in this test: a fixture ends what a failed test leaves running."""
SCRIPTS = Path(__file__).with_name("scripts.py")
PATIENCE = 240.0
"""Seconds to wait for what a process does; only a hanging one needs them."""


def small_config(**changes: Any) -> TrainingConfig:
    """The settings above with changes."""
    return config_from_dict({**SETTINGS, **changes})


def empty_job(path: Path) -> JobFolder:
    """A job without photos, for tests that never train."""
    return JobFolder.create(path, small_config(), [])


def write_photos(folder: Path, count: int = 4) -> Path:
    """Different small pictures, the first with a caption."""
    folder.mkdir(parents=True)
    for number in range(count):
        draw = random.Random(number)
        coarse = Image.frombytes("RGB", (6, 6), draw.randbytes(108))
        coarse.resize((96, 96), Image.Resampling.BICUBIC).save(folder / f"photo{number}.png")
    (folder / "photo0.txt").write_text("ohwx person, smiling", encoding="utf-8")
    return folder


def make_small_job(folder: Path, **changes: Any) -> JobFolder:
    """A new job in `folder/job` from photos in `folder/photos`."""
    return make_job(folder / "job", small_config(**changes), write_photos(folder / "photos")).job


def copy_job(job: JobFolder, folder: Path) -> JobFolder:
    """The whole job in another place."""
    shutil.copytree(job.path, folder)
    return JobFolder(folder)


def start(
    *arguments: object, limit: int = 0, halt: dict[str, Any] | None = None, warm: bool = False, **options: Any
) -> subprocess.Popen[str]:
    """`python <pack> <arguments>` with its output caught; `limit` is the most bytes that a file may get, `halt` the
    moment at which the process halts itself (see `halted` in scripts.py); a `warm` one has its imports done, and its
    process is not the one that trains.

    One thread each: on a busy machine threads that wait for each other make a training ten times slower.
    """
    changed = [str(SCRIPTS), "limited", str(limit)] if limit else []
    changed += [str(SCRIPTS), "halted", json.dumps(halt)] if halt else []
    python = taken_for(sys.executable) if warm and not changed else sys.executable
    process = subprocess.Popen(
        [python, *changed, str(settings.PACK), *map(str, arguments)],
        stdin=options.pop("stdin", subprocess.DEVNULL), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={"OMP_NUM_THREADS": "1", **os.environ, "PYTHONUTF8": "1", **options.pop("environment", {})},
        **options,
    )  # fmt: skip
    STARTED.append(process)
    return process


def train(*arguments: object, **options: Any) -> tuple[int, str]:
    """Exit code and output of `python <pack> train <arguments>`, without bars unless `bars`."""
    bars = [] if options.pop("bars", False) else ["--quiet"]
    process = start("train", *arguments, *bars, **{"warm": True, **options})
    output, _ = process.communicate(timeout=PATIENCE)
    return process.returncode, output


def until(seen: Callable[[], object], process: subprocess.Popen[str] | None = None, pause: float = 0.01) -> None:
    """Waits until something is so; fails if the process ends before."""
    deadline = time.monotonic() + PATIENCE
    while not seen():
        if process is not None and process.poll() is not None:
            output = process.stdout.read() if process.stdout else ""
            raise AssertionError(f"the process ended first, with code {process.returncode}:\n{output}")
        if time.monotonic() > deadline:
            raise AssertionError("this never happened")
        time.sleep(pause)


def until_halted(process: subprocess.Popen[str]) -> None:
    """Waits until a process has halted itself."""
    until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_STOPPED, process)


def event_seen(job: JobFolder, **fields: Any) -> Callable[[], bool]:
    """A condition for `until`: an event with these fields comes from now on."""
    known = read_events(job.events_file)
    reader = EventReader(job.events_file, after=known[-1]["seq"] if known else 0)
    return lambda: any(fields.items() <= event.items() for event in reader.read())


def events_of(job: JobFolder, kind: str) -> list[dict[str, Any]]:
    """The job's events of one type."""
    return [event for event in read_events(job.events_file) if event["type"] == kind]


def states_of(job: JobFolder) -> list[str]:
    """The states that the job went through."""
    return [event["state"] for event in events_of(job, "state")]


def losses_of(job: JobFolder) -> dict[int, float]:
    """Loss of each step; of a step that was done twice the last."""
    return {event["step"]: event["loss"] for event in events_of(job, "loss")}


def assert_gapless(job: JobFolder) -> None:
    """Events are numbered from 1 without gaps."""
    numbers = [event["seq"] for event in read_events(job.events_file)]
    assert numbers == list(range(1, len(numbers) + 1))


def assert_nothing_half_written(folder: Path) -> None:
    """No file or folder that was written aside is left, and no safetensors file is cut short."""
    from safetensors import safe_open

    assert list(folder.rglob("*.tmp")) == []
    for path in folder.rglob("*.safetensors"):
        with safe_open(path, framework="pt") as file:
            assert list(file.keys()), path


def lora_of(job: JobFolder) -> dict[str, Any]:
    """The finished LoRA's tensors."""
    from safetensors.torch import load_file

    (path,) = job.lora.glob("*.safetensors")
    return load_file(path)


def assert_same_lora(job: JobFolder, other: JobFolder) -> None:
    """Bit for bit."""
    import torch

    ours, theirs = lora_of(job), lora_of(other)
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if not torch.equal(ours[name], theirs[name])] == []


@contextmanager
def most_bytes(limit: int) -> Iterator[None]:
    """In this process, too, no file can grow beyond `limit`: what a full disk looks like to whoever writes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
