"""States of a job, what may follow on what, exit codes and the wishes in control.json. Standard library only."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from enum import IntEnum
from pathlib import Path

from ..errors import IsengardError
from ..files import read_json, write_json

TRANSITIONS: dict[str, frozenset[str]] = {
    "queued": frozenset({"preparing", "training", "paused", "cancelled"}),
    "preparing": frozenset({"training", "queued", "done", "failed", "paused", "cancelled", "interrupted"}),
    "training": frozenset({"done", "failed", "paused", "cancelled", "interrupted"}),
    "paused": frozenset({"queued", "cancelled"}),
    "interrupted": frozenset({"queued", "cancelled"}),
    "failed": frozenset({"queued", "cancelled"}),
    "cancelled": frozenset({"queued"}),
    "done": frozenset(),
}
"""What each state may become.

preparing → training goes by itself; preparing → queued is a job that was only prepared and waits for its training;
queued → paused is a job that was paused before its turn came.
"""

_NO_WISHES = "Delete the file: it only holds what was asked of the trainer."

STATES = tuple(TRANSITIONS)
RESUMABLE = ("paused", "interrupted", "failed", "cancelled")
"""States from which a job goes on after being queued again."""
ACTIVE = ("preparing", "training")
"""States in which a process works on the job."""


class ExitCode(IntEnum):
    """Exit codes of the trainer's process: the one place where they are said."""

    DONE = 0
    INTERNAL = 1
    """A defect: something that was not foreseen."""
    REFUSED = 2
    """Nothing was begun: the command, the config, a photo or a model file must be mended first."""
    FAILED = 3
    """Training began and met an error that a person can mend; the job can be resumed."""
    PAUSED = 4
    CANCELLED = 5
    INTERRUPTED = 6
    """Asked to end by the system or a vanished parent; the step is saved."""
    LOCKED = 7
    """Another process is training this job."""


def check_transition(old: str, new: str) -> None:
    """Raises JOB_STATE unless a job may go from `old` to `new`."""
    if new not in TRANSITIONS.get(old, ()):
        allowed = ", ".join(sorted(TRANSITIONS.get(old, ()))) or "nothing: it is final"
        raise IsengardError("JOB_STATE", f"A job that is {old} can't become {new}; it may become {allowed}.")


@dataclass(frozen=True, kw_only=True)
class Control:
    """What is asked of the trainer. Counters go up with every wish, so that each is granted once."""

    stop: str = ""
    """`pause`, `cancel` or nothing."""
    samples: int = 0
    """How often sample pictures were asked for out of turn."""
    saves: int = 0
    """How often a checkpoint was asked for out of turn."""


def read_control(path: Path) -> Control:
    """The wishes so far; no file means none."""
    try:
        values = read_json(path)
    except FileNotFoundError:
        return Control()
    try:
        control = Control(**values)
    except TypeError as problem:
        raise IsengardError(
            "JOB_CORRUPT", f"{path} holds something else than wishes: {problem}.", hint=_NO_WISHES
        ) from problem
    if control.stop not in ("", "pause", "cancel"):
        raise IsengardError(
            "JOB_CORRUPT", f"{path} asks for {control.stop!r}; pause and cancel are known.", hint=_NO_WISHES
        )
    if not all(isinstance(values.get(name, 0), int) for name in ("samples", "saves")):
        raise IsengardError("JOB_CORRUPT", f"{path}: samples and saves are whole numbers.", hint=_NO_WISHES)
    return control


def ask(path: Path, *, stop: str | None = None, sample: bool = False, save: bool = False) -> Control:
    """Adds wishes to control.json; `stop=""` takes a wish to stop back."""
    old = read_control(path)
    new = replace(
        old,
        stop=old.stop if stop is None else stop,
        samples=old.samples + sample,
        saves=old.saves + save,
    )
    write_json(path, asdict(new))
    return new
