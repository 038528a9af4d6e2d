"""Structured logging: JSON lines in files, short lines for people, a correlation id on every line.

This module owns the process's logging configuration; nothing else changes it.
"""

from __future__ import annotations

import logging
import logging.handlers
import sys
import uuid
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import structlog

LEVELS = ("debug", "info", "warning", "error")
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
    """Sends the pack's log lines to stderr, readable by people. Our loggers only: a host keeps its own."""
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
    for handler in list(ours.handlers):
        ours.removeHandler(handler)
        handler.close()
    if console:
        handler = logging.StreamHandler(sys.stderr)
        handler.setLevel(shown)
        handler.setFormatter(_formatter(_console()))
        ours.addHandler(handler)


def write_to(path: Path) -> logging.Handler:
    """Also writes JSON lines to a file; give the handler to `stop_writing` when its job is over."""
    handler = logging.handlers.RotatingFileHandler(
        path, maxBytes=20_000_000, backupCount=3, encoding="utf-8", delay=True
    )
    handler.setFormatter(_formatter(structlog.processors.JSONRenderer(ensure_ascii=False)))
    logging.getLogger("isengard").addHandler(handler)
    return handler


def stop_writing(handler: logging.Handler) -> None:
    """Ends what `write_to` began."""
    logging.getLogger("isengard").removeHandler(handler)
    handler.close()


def _console() -> Any:
    """Plain tracebacks: the pretty ones print every local variable, which buries the error and tells too much."""
    plain = structlog.dev.plain_traceback
    return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0, exception_formatter=plain)


def _formatter(renderer: Any) -> logging.Formatter:
    last: list[Any] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if isinstance(renderer, structlog.processors.JSONRenderer):
        last += [structlog.processors.format_exc_info, structlog.processors.EventRenamer("message")]
    return structlog.stdlib.ProcessorFormatter(processors=[*last, renderer], foreign_pre_chain=_SHARED)
