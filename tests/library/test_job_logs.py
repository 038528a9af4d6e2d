"""Logs that are rotated while somebody reads them: nothing is shown twice, nothing is left out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from isengard.library import joblogs
from isengard.library.joblogs import LogPage, LogQuery
from isengard.tests.trainer.jobs import empty_job
from isengard.trainer.job import JobFolder


@pytest.fixture
def job(tmp_path: Path) -> JobFolder:
    """One with three lines in its log."""
    made = empty_job(tmp_path / "jobs" / "one")
    made.log_file.write_text("".join(line(number) for number in range(3)))
    return made


def line(number: int) -> str:
    return json.dumps({"message": f"line {number}"}) + "\n"


def messages(page: LogPage) -> list[str]:
    return [str(entry["message"]) for entry in page.lines]


def rotate(job: JobFolder) -> None:
    job.log_file.replace(job.log_file.with_name(f"{job.log_file.name}.1"))
    job.log_file.write_text(line(3))


def test_a_place_is_one_in_the_file_that_was_read(job: JobFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is renamed between the first line and the last."""
    fitting = joblogs._fitting
    lines: list[bytes] = []

    def rotated(read: bytes, query: LogQuery) -> dict[str, Any] | None:
        lines.append(read)
        if len(lines) == 2:
            rotate(job)
        return fitting(read, query)

    monkeypatch.setattr(joblogs, "_fitting", rotated)
    page = joblogs.read_on(job, LogQuery())
    assert messages(page) == ["line 0", "line 1", "line 2"]
    assert messages(joblogs.read_on(job, LogQuery(), page.cursor)) == ["line 3"]


@pytest.mark.parametrize("read", [joblogs.tail, joblogs.read_on])
def test_a_file_that_was_just_renamed_is_found_again(
    job: JobFolder, monkeypatch: pytest.MonkeyPatch, read: Any
) -> None:
    """Between the names being looked up and the files being opened."""
    files_of = joblogs.files_of
    asked: list[Path] = []

    def gone_then_there(log: Path) -> list[Path]:
        found = files_of(log)
        asked.append(log)
        if len(asked) == 1:
            log.replace(log.with_name(f"{log.name}.1"))
        return found

    monkeypatch.setattr(joblogs, "files_of", gone_then_there)
    assert messages(read(job, LogQuery())) == ["line 0", "line 1", "line 2"]
