"""Jobs that many tests begin from, made once: prepared, and trained to the end without an interruption."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from isengard import log, settings
from isengard.tests.sharing import made_once
from isengard.tests.trainer.jobs import STARTED, RunHere, copy_job, make_small_job, train
from isengard.trainer.job import ExitCode, JobFolder


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> JobFolder:
    """A new job, but with its photos and words encoded. To be copied, not used."""

    def make(folder: Path) -> None:
        job = make_small_job(folder)
        unused = job.state_file.read_bytes()
        code, output = train(job.path, "--prepare")
        assert code == ExitCode.DONE, output
        job.state_file.write_bytes(unused)
        job.events_file.unlink()
        job.log_file.unlink()

    return JobFolder(made_once(tmp_path_factory, "prepared", make) / "job")


@pytest.fixture(scope="session")
def reference(prepared: JobFolder, tmp_path_factory: pytest.TempPathFactory) -> JobFolder:
    """The same job, trained in one go by `python . train`. To be looked at, not used."""

    def make(folder: Path) -> None:
        job = copy_job(prepared, folder / "job")
        code, output = train(job.path)
        assert code == ExitCode.DONE, output

    return JobFolder(made_once(tmp_path_factory, "reference", make) / "job")


@pytest.fixture(autouse=True)
def _nothing_is_left_running() -> Iterator[None]:
    yield
    while STARTED:
        process = STARTED.pop()
        if process.poll() is None:
            process.kill()
            process.communicate()


@pytest.fixture
def job(prepared: JobFolder, tmp_path: Path) -> JobFolder:
    """A prepared job of the test's own."""
    return copy_job(prepared, tmp_path / "job")


@pytest.fixture
def run_here() -> Iterator[RunHere]:
    """`run_job` in this process, where nothing needs to be killed; signals and logging are put back afterwards."""
    from isengard.trainer.run import run_job

    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    log.configure(console=False)

    def run(job: JobFolder, listener: Callable[[dict[str, Any]], None] | None = None, **options: Any) -> ExitCode:
        assert settings.world_size() == 1
        return run_job(job.path, listener=listener, **options)

    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)
    structlog.contextvars.clear_contextvars()
    logging.getLogger("isengard").propagate = True
