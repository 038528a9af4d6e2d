"""What a backend tells of its work: to the job's event stream, or to nobody in processes that only help."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from .. import log
from .job import JobWriter

_LOG = log.get("trainer")


class Reporter(Protocol):
    """Where a backend reports to."""

    def emit(self, kind: str, **fields: Any) -> None:
        """Tells one event (see events.py)."""

    def set_state(self, state: str, *, reason: str = "") -> None:
        """Moves the job's state."""

    def note_step(self, step: int) -> None:
        """Says up to which step the job is saved."""


class JobReporter:
    """Reports into the job folder, and to a listener in this process such as a progress bar."""

    def __init__(self, writer: JobWriter, listener: Callable[[dict[str, Any]], None] | None = None) -> None:
        self._writer = writer
        self._listener = listener

    def emit(self, kind: str, **fields: Any) -> None:
        """Appends the event; warnings and errors are logged as well."""
        event = self._writer.emit(kind, **fields)
        if kind in ("warning", "error"):
            told = {name: fields[name] for name in ("code", "hint") if name in fields}
            getattr(_LOG, kind)(fields.get("message", ""), **told)
        self._tell(event)

    def set_state(self, state: str, *, reason: str = "", error: dict[str, Any] | None = None) -> None:
        """Moves the state, in the file and in the stream."""
        self._writer.set_state(state, reason=reason, error=error)
        _LOG.info("state", state=state, reason=reason, step=self._writer.state.step)
        self._tell({"type": "state", "state": state, "step": self._writer.state.step, "reason": reason})

    def note_step(self, step: int) -> None:
        """Writes the step into the state."""
        self._writer.note_step(step)

    def _tell(self, event: dict[str, Any]) -> None:
        if self._listener is not None:
            self._listener(event)


class SilentReporter:
    """For the processes beside the first one."""

    def emit(self, kind: str, **fields: Any) -> None:
        """Tells nobody."""

    def set_state(self, state: str, *, reason: str = "") -> None:
        """Moves nothing."""

    def note_step(self, step: int) -> None:
        """Writes nothing."""
