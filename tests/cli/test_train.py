"""`python . train` as it ends: what it says of a job that is done."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from isengard.cli import train
from isengard.files import write_json
from isengard.tests.trainer.jobs import empty_job
from isengard.trainer.job import ExitCode


@pytest.fixture(autouse=True)
def put_back() -> Iterator[None]:
    """What a command changes of this process is put back."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)
    structlog.contextvars.clear_contextvars()
    logging.getLogger("isengard").propagate = True


def test_likeness_is_measured_with_the_models_of_the_library_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Face models lie in the library's folder `models`, and --root says which library."""
    job = empty_job(tmp_path / "job")
    with job.writer() as writer:
        for state in ("preparing", "training", "done"):
            writer.set_state(state)
    write_json(job.result_file, {"lora": "lora/ada.safetensors"})
    asked: list[Path] = []
    monkeypatch.setattr(train, "measure_and_tell", lambda _job, models: asked.append(models))
    assert train.main([str(job.path), "--root", str(tmp_path / "library")]) == ExitCode.DONE
    assert asked == [tmp_path / "library" / "models"]
    assert "ada.safetensors" in capsys.readouterr().out
