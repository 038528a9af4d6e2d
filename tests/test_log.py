"""The log: what is logged never ends what is worked at."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

import pytest

from isengard import log
from isengard.tests.trainer.jobs import most_bytes


def test_a_full_disk_costs_lines_and_is_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whole lines stay, closing works, and once there is room again the lines go on."""
    file = tmp_path / "log.jsonl"
    log.configure("error", console=False)
    handler = log.write_to(file)
    try:
        with most_bytes(2000):
            for number in range(60):
                log.get("test").info("a line of some length", number=number)
        log.get("test").info("there is room again", number=99)
        with most_bytes(file.stat().st_size):
            log.get("test").info("and full again", number=100)
            log.stop_writing(handler)
    finally:
        log.stop_writing(handler)
    numbers = [json.loads(line)["number"] for line in file.read_text(encoding="utf-8").splitlines()]
    assert numbers[-1] == 99
    assert numbers[:-1] == list(range(len(numbers) - 1))
    assert 5 < len(numbers) < 30
    told = capsys.readouterr().err
    assert told.count("lacks lines from here on: File too large") == 1
    assert "Traceback" not in told


def test_other_trouble_with_a_line_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A defect in what is logged is ours, and must not be hidden behind full disks."""
    handler = log.write_to(tmp_path / "log.jsonl")
    try:
        handler.handle(logging.LogRecord("isengard.test", logging.WARNING, "", 0, "%d", ("no number",), None))
    finally:
        log.stop_writing(handler)
    assert "--- Logging error ---" in capsys.readouterr().err


class Plain:
    """What another ComfyUI pack may put in the place of the console: it takes lines, and that is all."""

    def __init__(self) -> None:
        self.lines = ""

    def write(self, text: str) -> None:
        self.lines += text

    def flush(self) -> None:
        pass


def test_whatever_stands_in_the_consoles_place_is_written_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also nothing at all, as in a Python without a console: files are written all the same."""
    console = Plain()
    monkeypatch.setattr(sys, "stderr", console)
    log.configure()
    log.get("test").warning("a line")
    assert "a line" in console.lines
    monkeypatch.setattr(sys, "stderr", None)
    log.configure()
    log.get("test").warning("a line for nobody")
    monkeypatch.undo()
    log.configure("error", console=False)
