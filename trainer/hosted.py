"""Preparing a job inside a host's process, with encoders that the host has loaded. Imports torch when it is used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import log
from ..errors import IsengardError
from ..sentences import Said
from .job import ACTIVE, JobFolder, JobWriter
from .wishes import Wishes

if TYPE_CHECKING:
    from torch import Tensor

    from .families.interface import Codec as Codec

_LOG = log.get("trainer.hosted")
_STOPPED_HERE = Said("ended.stopped_preparing", "stopped in the program that prepared it")
_STOPPED = {"pause": "paused", "cancel": "cancelled", "interrupt": "interrupted"}


def text_tokens(job: JobFolder) -> int:
    """How many tokens of text a job's model reads."""
    from .families import load_family

    config = job.config()
    return config.max_text_tokens or load_family(config.family).text_tokens


def write_decoder(job: JobFolder, weights: Mapping[str, Tensor], folder: Path) -> None:
    """Writes the decoder that a job's samples need, from the tensors of a VAE that the host has loaded."""
    from .families import load_family

    load_family(job.config().family).write_decoder(weights, folder)


def prepare_here(
    job: JobFolder,
    codec: Codec,
    *,
    listener: Callable[[dict[str, Any]], None],
    interrupted: Callable[[], bool],
    correlation_id: str = "",
) -> bool:
    """Fills the job's cache with `codec`. Returns False if it was stopped on the way; the job's state says how.

    A cache that another codec made is filled anew unless training has begun with it. `interrupted` is asked before each
    picture and text. Raises JOB_LOCKED, JOB_FINISHED, and what makes it fail, which is the job's state and error then.
    """
    from .prepare import is_prepared

    with job.writer() as writer:
        if writer.state.state == "done":
            return True
        if not any(job.checkpoints.glob("step_*")):
            _forget_other(job, codec.fingerprint)
        if is_prepared(job, job.config()):
            return True
        handler = log.write_to(job.log_file)
        try:
            with log.bound(correlation_id=correlation_id or writer.state.correlation_id, job=writer.state.id):
                return _fill(job, codec, writer, listener, _HostWishes(job, interrupted))
        finally:
            log.stop_writing(handler)


class _HostWishes(Wishes):
    """The wishes in control.json, and the host's own to stop."""

    def __init__(self, job: JobFolder, interrupted: Callable[[], bool]) -> None:
        super().__init__(job.control_file)
        self._host_stops = interrupted

    @property
    def stop(self) -> str:
        """`pause`, `cancel`, `interrupt` or nothing."""
        if not self.asked and self._host_stops():
            self.interrupt(_STOPPED_HERE)
        return super().stop


def _forget_other(job: JobFolder, fingerprint: str) -> None:
    from .cache import Cache

    known = Cache.of(job)
    if known is not None and known.codec != fingerprint:
        (job.cache / "codec.json").unlink(missing_ok=True)
        for file in known.decoder.glob("*"):
            file.unlink()


def _fill(
    job: JobFolder, codec: Codec, writer: JobWriter, listener: Callable[[dict[str, Any]], None], wishes: Wishes
) -> bool:
    from .prepare import prepare
    from .reporter import JobReporter

    reporter = JobReporter(writer, listener)
    if writer.state.state != "queued":
        writer.requeue()
    try:
        reporter.set_state("preparing")
        done = prepare(job, job.config(), lambda: codec, reporter, wishes)
        state = "queued" if done else _STOPPED.get(wishes.stop, "interrupted")
        reporter.set_state(state, reason="" if done else wishes.reason)
        return done
    except IsengardError as error:
        _fail(writer, error)
        raise
    except Exception as problem:
        _LOG.exception("unforeseen failure")
        _fail(writer, IsengardError("INTERNAL", f"{type(problem).__name__}: {problem}."))
        raise
    finally:
        if writer.state.state in ACTIVE:  # thrown out of the work by the host
            writer.set_state("interrupted", reason=_STOPPED_HERE)


def _fail(writer: JobWriter, error: IsengardError) -> None:
    writer.emit("error", **error.as_dict())
    writer.set_state("failed", reason=error.message, error=error.as_dict())
