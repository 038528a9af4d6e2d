"""Runs of a captioner over many photos, as files: what was asked, what was said, what became of it.

`captioning/<id>.json` is written while a run goes on, so that a killed server loses a moment's work at most; what it
had said by then can still be written.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from .. import log
from ..errors import IsengardError
from ..files import read_json, told_plainly, write_json
from ..sentences import Said
from . import names
from .captioning import CaptionChange
from .characters import now
from .photo_files import Key
from .store import Library

FORMAT = 1
"""Version of a run's file; one of a newer version is passed over."""
KEPT = 20
"""So many runs that are over are kept."""
OVER = ("done", "cancelled", "failed", "interrupted")
_LOG = log.get("library.caption_runs")


@dataclass(kw_only=True)
class CaptionRun:
    """One run. Whoever works on it changes it."""

    id: str
    captioner: str
    photos: list[Key]
    """Those that are described."""
    preview: bool = False
    """Nothing is written at its end: somebody looks at it first."""
    state: str = "waiting"
    """waiting, running, or one of OVER."""
    reason: str = ""
    """Why it waits, or why it ended."""
    done: int = 0
    """Photos that the captioner has looked at."""
    changes: list[CaptionChange] = field(default_factory=list)
    """What was said, where it differs from the caption that was there."""
    failed: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Photos (`slug/file`) that could not be described, with their errors."""
    undo: str = ""
    """For `captioning.undo`; empty: nothing was written."""
    conflicts: list[Key] = field(default_factory=list)
    """Photos that were not written because they were changed meanwhile."""
    error: dict[str, Any] | None = None
    """What ended it."""
    created: str = ""
    correlation_id: str = ""
    format: int = FORMAT

    @property
    def over(self) -> bool:
        """Whether nobody works on it any more."""
        return self.state in OVER


def new(captioner: str, photos: Iterable[Key], *, preview: bool, correlation_id: str) -> CaptionRun:
    """A run that waits."""
    moment = now()
    return CaptionRun(
        id=f"{moment[:19].replace(':', '').replace('-', '').replace('T', '-')}-{secrets.token_hex(3)}",
        captioner=captioner, photos=list(photos), preview=preview, created=moment, correlation_id=correlation_id,
    )  # fmt: skip


def save(library: Library, run: CaptionRun) -> None:
    """Writes a run's file. Raises DISK_FULL, FOLDER_NOT_WRITABLE."""
    place = _folder(library) / f"{run.id}.json"
    with told_plainly(place):
        place.parent.mkdir(exist_ok=True)
    write_json(place, asdict(run))


def load_all(library: Library) -> list[CaptionRun]:
    """All runs, the oldest first. Those that a dead process has left are interrupted."""
    found = []
    for path in sorted(_folder(library).glob("*.json")):
        try:
            found.append(_read(path))
        except (IsengardError, OSError, KeyError, TypeError, AttributeError, ValueError) as problem:
            _LOG.warning("a run of a captioner was passed over", file=path.name, problem=str(problem))
    for run in found:
        if not run.over:
            run.state = "interrupted"
            run.reason = Said("ended.server_ended", "the server ended meanwhile")
            try:
                save(library, run)
            except (IsengardError, OSError) as problem:  # a full disk must not keep a server from starting
                _LOG.warning("a run of a captioner was not saved", run=run.id, problem=str(problem))
    return found


def forget(library: Library, runs: dict[str, CaptionRun]) -> None:
    """Takes away the oldest that are over, from `runs` and from the disk; the latest stay."""
    over = [run.id for run in runs.values() if run.over]
    for run_id in over[:-KEPT]:
        del runs[run_id]
        (_folder(library) / f"{run_id}.json").unlink(missing_ok=True)


def _read(path: Path) -> CaptionRun:
    found = read_json(path, "LIBRARY_CORRUPT")
    if found["format"] > FORMAT:
        raise ValueError("it was written by a newer version")
    known = {item.name for item in fields(CaptionRun)}
    values = {name: value for name, value in found.items() if name in known}
    values |= {"photos": _keys(found["photos"]), "conflicts": _keys(found["conflicts"])}
    values["changes"] = [CaptionChange(**change) for change in found["changes"]]
    return CaptionRun(**{**values, "id": path.stem})


def _keys(found: Iterable[Iterable[str]]) -> list[Key]:
    return [(slug, file) for slug, file in found]


def _folder(library: Library) -> Path:
    return names.inside(library.root, "captioning")
