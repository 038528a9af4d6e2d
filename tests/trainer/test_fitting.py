"""What would wait in the main memory must have room there: told before anything is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from isengard.errors import IsengardError
from isengard.sentences import Said
from isengard.trainer import main_memory
from isengard.trainer.backends.interface import Run
from isengard.trainer.backends.native.fitting import _check_main_memory
from isengard.trainer.config import TrainingConfig
from isengard.trainer.job import JobFolder
from isengard.trainer.memory_need import GIB
from isengard.trainer.memory_plan import Features, MemoryPlan, choose_plan
from isengard.trainer.reporter import SilentReporter
from isengard.trainer.wishes import Wishes


class Heard(SilentReporter):
    """Keeps what is told."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def emit(self, kind: str, **fields: Any) -> None:
        self.events.append({"type": kind, **fields})


def checked(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *, with_disk: int, main_free: int | None = GIB
) -> tuple[MemoryPlan, list[dict[str, Any]]]:
    """A small GPU, one free GiB of main memory, and so much with the swap file."""
    config = TrainingConfig(name="Ada", trigger_word="ohwx", sample_every=0)
    plan = choose_plan(config, 7 * GIB, Features(fp8=True), main_free=main_free)
    monkeypatch.setattr(main_memory, "free_bytes", lambda: GIB)
    monkeypatch.setattr(main_memory, "free_with_disk", lambda: with_disk)
    heard = Heard()
    run = Run(JobFolder(folder), config, heard, Wishes(folder / "control.json"))
    _check_main_memory(run, config, plan, 1)
    return plan, heard.events


def test_what_fits_only_with_the_swap_file_is_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, (event,) = checked(tmp_path, monkeypatch, with_disk=64 * GIB)
    assert (event["type"], event["code"], event["said"]["code"]) == ("warning", "MEMORY_SHORT", "memory.waits_on_disk")
    assert event["said"]["values"]["swapped"] == plan.swap_blocks > 0
    assert event["message"] == event["said"]["message"]
    assert f"{plan.swap_blocks} of 57 blocks" in event["message"]
    assert "only 1.0 GiB are free" in event["message"]


def test_what_fits_nowhere_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(IsengardError, match=r"2\.0 GiB are free, with the swap file") as caught:
        checked(tmp_path, monkeypatch, with_disk=2 * GIB)
    assert caught.value.code == "MEMORY_SHORT"
    assert isinstance(caught.value.message, Said)
    assert isinstance(caught.value.hint, Said)
    assert (caught.value.message.code, caught.value.hint.code) == ("memory.no_room_to_wait", "memory.make_room")


def test_nothing_is_said_where_there_is_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, events = checked(tmp_path, monkeypatch, with_disk=0, main_free=None)
    assert plan.main_fits
    assert events == []
