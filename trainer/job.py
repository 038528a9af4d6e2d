"""The job folder: the contract between whoever asks for a training and whoever does it. Standard library only.

```
<job>/  config.json     TrainingConfig, complete (format 1)
        dataset.jsonl   a PhotoEntry a line;  photos/ the pictures as they were
        state.json      JobState, written whole
        events.jsonl    see events.py;  log.jsonl  structured log, with the correlation id
        control.json    wishes, see states.py;  lock  see lock.py
        cache/          latents, conditioning, the decoder (safetensors)
        checkpoints/step_000250/   the LoRA, and (the newest two) the full state: written aside, then renamed
        samples/        step_000250_0.png;  lora/  the finished LoRA under its own name;  result.json
        memory.json     how the training was fitted into the memory, and what it took
```
A job folder is complete: moved to another machine with the same base model, it runs there. Whoever holds the lock is
the only writer of events and state; while nobody does, a host may set a job to queued, cancelled or interrupted with
`JobFolder.requeue`, `cancel` and `mark_interrupted`, which take the lock for that moment.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import IsengardError
from ..files import read_json, told_plainly, write_json, written_aside
from ..sentences import Said
from .config import BaseFiles, TrainingConfig, config_from_dict
from .events import EventReader, EventWriter, now, read_events
from .lock import Lock, Owner, read_owner
from .states import ACTIVE, RESUMABLE, STATES, TRANSITIONS, Control, ExitCode, ask, check_transition, read_control

__all__ = [
    "ACTIVE", "RESUMABLE", "STATES", "TRANSITIONS", "BaseFiles", "Control", "EventReader", "EventWriter", "ExitCode",
    "JobFolder", "JobState", "JobWriter", "Lock", "Owner", "PhotoEntry", "TrainingConfig", "ask", "check_transition",
    "config_from_dict", "job_identity", "read_control", "read_events",
]  # fmt: skip

FORMAT = 1
"""Version of state.json, dataset.jsonl and result.json; a reader refuses a newer one."""
OTHERS_WRITE = ("control.json", "likeness.json")
"""What a host writes into the folder while somebody holds the job's lock."""
_CANCELLED = Said("ended.cancelled_before", "cancelled before it ran")
_KINDS: dict[str, Any] = {
    **dict.fromkeys(("id", "created", "state", "reason", "correlation_id", "updated"), str),
    **dict.fromkeys(("step", "steps", "attempt"), int),
    **dict.fromkeys(("said", "error"), dict | None),
}
"""What state.json holds: a list of many jobs must not end at one that was written by hand or by a stranger."""


@dataclass(frozen=True, kw_only=True)
class PhotoEntry:
    """One photo of the dataset."""

    id: str
    file: str
    """Path in the job folder, with forward slashes: `photos/….jpg`."""
    sha256: str
    """Hash of the file's bytes."""
    caption: str
    """What the model is told, with the trigger word in it."""
    buckets: tuple[tuple[int, int], ...]
    """Width and height in pixels that the photo is trained at, one pair a resolution."""
    repeats: int = 1
    """How often the photo is shown in an epoch, relative to the others."""


@dataclass(frozen=True, kw_only=True)
class JobState:
    """Where a job stands."""

    id: str = ""
    """Made when the job is made, and kept for its life: part of the LoRA's file name."""
    created: str = ""
    state: str = "queued"
    step: int = 0
    """Optimizer steps that are saved or were last reported."""
    steps: int = 0
    reason: str = ""
    """Why it is in this state, for people."""
    said: dict[str, Any] | None = None
    """The same with its code, so that it can be said in another language."""
    error: dict[str, Any] | None = None
    """Code, message and hint of what made it fail."""
    correlation_id: str = ""
    attempt: int = 0
    """How often a process has begun on this job."""
    updated: str = ""
    format: int = FORMAT


class JobFolder:
    """One job on the disk. Cheap to make; reads when asked."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self.config_file = self.path / "config.json"
        self.dataset_file = self.path / "dataset.jsonl"
        self.photos = self.path / "photos"
        self.state_file = self.path / "state.json"
        self.events_file = self.path / "events.jsonl"
        self.log_file = self.path / "log.jsonl"
        self.control_file = self.path / "control.json"
        self.lock_file = self.path / "lock"
        self.cache = self.path / "cache"
        self.checkpoints = self.path / "checkpoints"
        self.samples = self.path / "samples"
        self.lora = self.path / "lora"
        self.memory_file = self.path / "memory.json"
        self.result_file = self.path / "result.json"

    @classmethod
    def create(
        cls, path: Path, config: TrainingConfig, photos: Iterable[PhotoEntry], *, correlation_id: str = ""
    ) -> JobFolder:
        """Writes config, dataset and state into a folder (made if need be) that holds no job yet.

        The photos' files must lie there already. Raises JOB_EXISTS.
        """
        job = cls(path)
        if job.config_file.exists():
            raise IsengardError("JOB_EXISTS", f"{path} already holds a job.")
        with told_plainly(job.config_file):
            job.path.mkdir(parents=True, exist_ok=True)
        job.write_dataset(photos)
        moment = now()
        state = JobState(
            id=secrets.token_hex(4), steps=config.steps, correlation_id=correlation_id, created=moment, updated=moment
        )
        write_json(job.state_file, dataclasses.asdict(state))
        write_json(job.config_file, config.as_dict())  # last: a folder with a config is a whole job
        return job

    @classmethod
    def open(cls, path: Path) -> JobFolder:
        """An existing job. Raises JOB_MISSING."""
        job = cls(path)
        if not job.config_file.is_file():
            raise IsengardError("JOB_MISSING", f"{path} is not a job folder: it has no config.json.")
        return job

    def config(self) -> TrainingConfig:
        """The job's settings. Raises CONFIG_UNREADABLE or CONFIG_INVALID."""
        return config_from_dict(read_json(self.config_file, "CONFIG_UNREADABLE"))

    def write_config(self, config: TrainingConfig) -> None:
        """Changes settings of a job that is not running, e.g. a lower resolution after it ran out of memory."""
        write_json(self.config_file, config.as_dict())

    def dataset(self) -> list[PhotoEntry]:
        """The photos. Raises JOB_CORRUPT for a line that is none."""
        try:
            lines = self.dataset_file.read_text(encoding="utf-8").splitlines()
        except (OSError, ValueError) as problem:
            raise IsengardError("JOB_CORRUPT", f"{self.dataset_file} can't be read: {problem}.") from problem
        return [_photo_from(line, self.dataset_file) for line in lines if line.strip()]

    def write_dataset(self, photos: Iterable[PhotoEntry]) -> None:
        """Writes the list of photos whole."""
        lines = [json.dumps(dataclasses.asdict(photo), ensure_ascii=False) for photo in photos]
        with written_aside(self.dataset_file) as aside:
            aside.write_text("".join(line + "\n" for line in lines), encoding="utf-8")

    def state(self) -> JobState:
        """Where the job stands, as last written."""
        try:
            found = read_json(self.state_file)
            check_format(found, self.state_file)
            state = JobState(**found)
        except FileNotFoundError as problem:
            raise IsengardError("JOB_CORRUPT", f"{self.state_file} is missing.") from problem
        except TypeError as problem:
            raise IsengardError("JOB_CORRUPT", f"{self.state_file} is no job state: {problem}.") from problem
        for name, kind in _KINDS.items():
            if not isinstance(value := getattr(state, name), kind):
                raise IsengardError("JOB_CORRUPT", f"{self.state_file} can't be used: {name} is {value!r:.60}.")
        if state.state not in STATES:
            raise IsengardError("JOB_CORRUPT", f"{self.state_file} has state {state.state!r}.")
        return state

    def owner(self) -> Owner | None:
        """The process that works on this job now."""
        return read_owner(self.lock_file)

    @contextmanager
    def writer(self) -> Iterator[JobWriter]:
        """Takes the lock and gives the writer of events and state. Raises JOB_LOCKED."""
        with Lock(self.lock_file) as lock:
            writer = JobWriter(self, lock)
            try:
                yield writer
            finally:
                writer.events.close()

    def mark_interrupted(self, reason: str) -> bool:
        """Says that a job's process is gone, if its state says preparing or training and nobody holds the lock."""
        try:
            with self.writer() as writer:
                if writer.state.state not in ACTIVE:
                    return False
                writer.set_state("interrupted", reason=reason)
                return True
        except IsengardError as error:
            if error.code != "JOB_LOCKED":
                raise
            return False

    def requeue(self, *, correlation_id: str = "") -> None:
        """Makes a stopped job ready to go on from its last checkpoint. Raises JOB_FINISHED, JOB_LOCKED."""
        with self.writer() as writer:
            writer.requeue(correlation_id)

    def cancel(self, reason: str = _CANCELLED) -> None:
        """Cancels a job that no process works on."""
        with self.writer() as writer:
            writer.set_state("cancelled", reason=reason)


class JobWriter:
    """Writes events and state for as long as the lock is held. Made by `JobFolder.writer`."""

    def __init__(self, job: JobFolder, lock: Lock) -> None:
        self.job = job
        self.lock = lock
        self.state = job.state()
        self.events = EventWriter(job.events_file)

    def emit(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Appends one event."""
        return self.events.write(kind, **fields)

    def set_state(
        self, state: str, *, reason: str = "", error: dict[str, Any] | None = None, step: int | None = None
    ) -> None:
        """Moves the job on; state.json first, then the event. Raises JOB_STATE for a move that isn't allowed."""
        check_transition(self.state.state, state)
        said = reason.as_dict() if isinstance(reason, Said) else None
        self._write(state=state, reason=reason, said=said, error=error, step=self.state.step if step is None else step)
        self.emit("state", state=state, step=self.state.step, reason=reason)

    def plan_steps(self, steps: int) -> None:
        """Records how many steps there are to be, after the settings were changed."""
        self._write(steps=steps)

    def note_step(self, step: int) -> None:
        """Records how far the job is without changing its state."""
        self._write(step=step)

    def begin(self, steps: int, correlation_id: str = "") -> None:
        """Counts one more attempt at this job, of so many steps in all."""
        known = correlation_id or self.state.correlation_id
        self._write(attempt=self.state.attempt + 1, steps=steps, correlation_id=known)

    def requeue(self, correlation_id: str = "") -> None:
        """Back to queued, from a stopped state or from one that a dead process left behind; wishes to stop are gone."""
        if self.state.state == "done":
            raise IsengardError("JOB_FINISHED", f"{self.job.path} is done.")
        if self.state.state in ACTIVE:
            self.set_state("interrupted", reason=Said("ended.process_gone", "the process is gone"))
        if self.state.state != "queued":
            self.set_state("queued", reason="resumed")
        if read_control(self.job.control_file).stop:
            ask(self.job.control_file, stop="")
        if correlation_id:
            self._write(correlation_id=correlation_id)

    def _write(self, **changes: Any) -> None:
        self.state = dataclasses.replace(self.state, **changes, updated=now())
        write_json(self.job.state_file, dataclasses.asdict(self.state))


def check_format(found: Any, file: Path, newest: int = FORMAT) -> None:
    """Raises LIBRARY_NEWER for a record of a job that a newer version has written, JOB_CORRUPT for none at all."""
    version = found.get("format", newest) if isinstance(found, dict) else None
    if not isinstance(version, int):
        raise IsengardError("JOB_CORRUPT", f"{file} has format {version!r}.")
    if version > newest:
        raise IsengardError(
            "LIBRARY_NEWER", f"{file} has format {version}; this version of Isengard reads up to {newest}."
        )


def job_identity(config: TrainingConfig, photos: Iterable[PhotoEntry], base_fingerprint: str) -> str:
    """SHA-256 of photos, captions, settings and base file: equal for trainings that would give the same LoRA."""
    shown = sorted((photo.sha256, photo.caption, photo.buckets, photo.repeats) for photo in photos)
    body = json.dumps([FORMAT, config.fingerprint(), shown, base_fingerprint])
    return hashlib.sha256(body.encode()).hexdigest()


def _photo_from(line: str, path: Path) -> PhotoEntry:
    try:
        values = json.loads(line)
        return PhotoEntry(**{**values, "buckets": tuple((int(w), int(h)) for w, h in values["buckets"])})
    except (ValueError, KeyError, TypeError) as problem:
        raise IsengardError("JOB_CORRUPT", f"{path} has a line that is no photo: {line[:80]!r}.") from problem
