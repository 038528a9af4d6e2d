"""Structured logging: JSON lines in files, short lines for people, a correlation id on every line.

This module owns the process's logging configuration; nothing else changes it.
"""

from __future__ import annotations

import logging
import logging.handlers
import os
import sys
import uuid
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

import structlog

LEVELS = ("debug", "info", "warning", "error")
_CONSOLE = "isengard.console"
_TAIL = 1 << 20
"""Bytes at the end of a log in which the last line must begin."""
_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
]


def new_correlation_id() -> str:
    """A fresh correlation id."""
    return uuid.uuid4().hex


def bind(**values: Any) -> None:
    """Puts values (correlation_id, job_id, …) onto every following line of this task or thread."""
    structlog.contextvars.bind_contextvars(**values)


def bound(**values: Any) -> AbstractContextManager[Any]:
    """Puts values onto the lines that are written within a `with`."""
    return structlog.contextvars.bound_contextvars(**values)


def get(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of a module."""
    return structlog.stdlib.get_logger(f"isengard.{name}")


def configure(level: str = "info", *, console: bool = True) -> None:
    """Sends the pack's log lines to stderr, readable by people. Our loggers only: a host keeps its own.

    May be called again, by each of several rooms that begin in one process: files that `write_to` opened stay.
    """
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    ours = logging.getLogger("isengard")
    shown = level.upper() if level in LEVELS else "INFO"
    ours.setLevel("DEBUG" if shown == "DEBUG" else "INFO")  # a job's own log tells the whole story, whatever is shown
    ours.propagate = False
    for known in [handler for handler in ours.handlers if handler.get_name() == _CONSOLE]:
        ours.removeHandler(known)
        known.close()
    if console and sys.stderr is not None:  # as in a Python without a console
        handler = logging.StreamHandler(sys.stderr)
        handler.set_name(_CONSOLE)
        handler.setLevel(shown)
        handler.setFormatter(_formatter(_console()))
        ours.addHandler(handler)


def write_to(path: Path) -> logging.Handler:
    """Also writes JSON lines to a file; give the handler to `stop_writing` when its job is over.

    A full disk costs lines, and is told once on stderr: what is logged never ends what is worked at.
    """
    handler = _LogFile(path, maxBytes=20_000_000, backupCount=3, encoding="utf-8", delay=True)
    handler.setFormatter(_formatter(structlog.processors.JSONRenderer(ensure_ascii=False)))
    logging.getLogger("isengard").addHandler(handler)
    return handler


def stop_writing(handler: logging.Handler) -> None:
    """Ends what `write_to` began."""
    logging.getLogger("isengard").removeHandler(handler)
    handler.close()


class _LogFile(logging.handlers.RotatingFileHandler):
    """A file of whole lines: one that could not be written leaves neither a half behind nor waits to be tried again."""

    _told = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (the library's name)
        problem = sys.exc_info()[1]
        if not isinstance(problem, OSError):
            super().handleError(record)
            return
        stream, self.stream = self.stream, None  # opened again by the next line
        if stream is not None:
            with suppress(OSError):
                stream.close()
        with suppress(OSError):
            _cut_half_line(self.baseFilename)
        if not self._told and sys.stderr:
            self._told = True
            with suppress(OSError):
                sys.stderr.write(f"{self.baseFilename} lacks lines from here on: {problem.strerror}\n")

    def close(self) -> None:
        with suppress(OSError):
            super().close()


def _cut_half_line(path: str) -> None:
    with Path(path).open("r+b") as file:
        end = file.seek(0, os.SEEK_END)
        start = file.seek(max(0, end - _TAIL))
        file.truncate(start + file.read(min(end, _TAIL)).rfind(b"\n") + 1)


def _console() -> Any:
    """Plain tracebacks: the pretty ones print every local variable, which buries the error and tells too much."""
    plain = structlog.dev.plain_traceback
    colors = hasattr(sys.stderr, "isatty") and sys.stderr.isatty()  # another ComfyUI pack may have put its own there
    return structlog.dev.ConsoleRenderer(colors=colors, pad_event_to=0, exception_formatter=plain)


def _formatter(renderer: Any) -> logging.Formatter:
    last: list[Any] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if isinstance(renderer, structlog.processors.JSONRenderer):
        last += [structlog.processors.format_exc_info, structlog.processors.EventRenamer("message")]
    return structlog.stdlib.ProcessorFormatter(processors=[*last, renderer], foreign_pre_chain=_SHARED)
