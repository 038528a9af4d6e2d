"""One attempt at a job, in this process: lock, state, backend, and every way that it can end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .. import log, settings
from ..errors import IsengardError
from ..files import remove_half_written
from ..sentences import Said
from .backends import load_backend
from .backends.interface import Run
from .job import OTHERS_WRITE, ExitCode, JobFolder, JobWriter
from .reporter import JobReporter, SilentReporter
from .wishes import Wishes

_LOG = log.get("trainer.run")
_CODES = {
    "done": ExitCode.DONE,
    "queued": ExitCode.DONE,
    "paused": ExitCode.PAUSED,
    "cancelled": ExitCode.CANCELLED,
    "interrupted": ExitCode.INTERRUPTED,
}
_STOPPED = {"pause": "paused", "cancel": "cancelled"}
_BEFORE_IT_BEGAN = {
    "pause": Said("ended.paused_before", "paused before it began"),
    "cancel": Said("ended.cancelled_before", "cancelled before it began"),
}


def run_job(
    path: Path,
    *,
    correlation_id: str = "",
    lifeline: bool = False,
    only_prepare: bool = False,
    listener: Callable[[dict[str, Any]], None] | None = None,
) -> ExitCode:
    """Runs or resumes the job in `path` and says how it ended.

    Raises `IsengardError` only if nothing could be begun (no job there, locked, damaged); whatever happens later is
    in the job's state, its events and the exit code. Of several processes that train together, the first one reports.
    """
    job = JobFolder.open(path)
    config = job.config()
    wishes = Wishes(job.control_file)
    wishes.heed_signals()
    if lifeline:
        wishes.heed_lifeline()
    settings.go_offline()
    if settings.rank() > 0:
        if job.state().state == "done":
            return ExitCode.DONE  # the first process won't wait for anybody
        load_backend(config.backend).train(Run(job, config, SilentReporter(), wishes))
        return ExitCode.DONE
    with job.writer() as writer:
        reporter = JobReporter(writer, listener)
        handler = log.write_to(job.log_file)
        log.bind(
            correlation_id=correlation_id or writer.state.correlation_id or log.new_correlation_id(),
            job=writer.state.id,
        )
        try:
            return _attempt(Run(job, config, reporter, wishes), reporter, writer, correlation_id, only_prepare)
        finally:
            log.stop_writing(handler)


def _attempt(run: Run, reporter: JobReporter, writer: JobWriter, correlation_id: str, only_prepare: bool) -> ExitCode:
    if writer.state.state == "done":
        _LOG.info("the job is done already", lora=str(run.job.lora))
        return ExitCode.DONE
    if writer.state.state == "queued" and (asked := run.wishes.asked) in _STOPPED:
        reporter.set_state(_STOPPED[asked], reason=_BEFORE_IT_BEGAN[asked])
        return _CODES[writer.state.state]
    if writer.state.state != "queued":
        writer.requeue()
    remove_half_written(run.job.path, but=OTHERS_WRITE)
    writer.begin(run.config.steps, correlation_id)
    reporter.set_state("preparing")
    if run.wishes.stop == "interrupt":
        reporter.set_state("interrupted", reason=run.wishes.reason)
        return ExitCode.INTERRUPTED
    try:
        backend = load_backend(run.config.backend)
        backend.check(run.config, run.job)
        ended = backend.prepare(run) if only_prepare else backend.train(run)
        reporter.set_state(ended, reason=run.wishes.reason)
        return _CODES[ended]
    except IsengardError as error:
        return _fail(error, reporter, writer)
    except KeyboardInterrupt:
        reason = Said("ended.by_keys", "ended by Ctrl+C, not saved since the last checkpoint")
        reporter.set_state("interrupted", reason=reason)
        return ExitCode.INTERRUPTED
    except Exception as problem:  # noqa: BLE001 (whatever it is, the job's state and log must say so)
        _LOG.exception("unforeseen failure")
        return _fail(IsengardError("INTERNAL", f"{type(problem).__name__}: {problem}."), reporter, writer)


def _fail(error: IsengardError, reporter: JobReporter, writer: JobWriter) -> ExitCode:
    refused = writer.state.state == "preparing" and error.status < 500
    with _as_far_as_possible():
        reporter.emit("error", **error.as_dict())
    with _as_far_as_possible():
        reporter.set_state("failed", reason=error.message, error=error.as_dict())
    if error.code == "INTERNAL":
        return ExitCode.INTERNAL
    return ExitCode.REFUSED if refused else ExitCode.FAILED


@contextmanager
def _as_far_as_possible() -> Iterator[None]:
    """The disk may be full for the last words, too; the next run finds the job left behind."""
    try:
        yield
    except IsengardError as second:
        _LOG.error(second.message, code=second.code)
