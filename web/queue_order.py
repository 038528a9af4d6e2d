"""In which order waiting jobs come, and which are to go on as soon as they have stopped: jobs/queue.json.

The truth is the jobs' own states: losing the file loses the order.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .. import log
from ..errors import IsengardError
from ..files import read_json, told_plainly, write_json

_LOG = log.get("web.queue")


def load(file: Path) -> tuple[list[str], dict[str, str]]:
    """The jobs in order, and those to be queued again, each with the correlation id of who asked."""
    try:
        found = read_json(file, "LIBRARY_CORRUPT")
        again = {str(job_id): str(correlation_id) for job_id, correlation_id in found.get("again", {}).items()}
        return [str(job_id) for job_id in found["order"]], again
    except FileNotFoundError:
        return [], {}
    except (IsengardError, KeyError, TypeError, AttributeError):
        _LOG.warning("queue.json can't be read; jobs run in the order in which they were made")
        return [], {}


def save(file: Path, order: Sequence[str], again: dict[str, str]) -> None:
    """Writes it whole, also where no job was made yet. Raises DISK_FULL, FOLDER_NOT_WRITABLE."""
    with told_plainly(file):
        file.parent.mkdir(exist_ok=True)
    write_json(file, {"format": 1, "order": list(order), "again": again})
