"""Jobs of the library: job folders made from a character's photos, listed, changed, deleted; done ones give a LoRA.

Beside what a job folder holds, `origin.json` says whose it is. `python . train` does not need it.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .. import log
from ..errors import IsengardError
from ..sentences import Said, from_json, to_json
from ..trainer.job import ACTIVE, RESUMABLE, JobFolder, JobState, TrainingConfig
from ..trainer.plan import change_config, check_base, make_job, train_again
from . import finished, loras, names, trash
from .job_files import ORIGIN, checkpoints, describe, identity, read_origin, told
from .job_making import clear, made_aside, put
from .plans import OWN, Wish, config_for, make_plan
from .store import Library

_LOG = log.get("library.jobs")


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job as lists show it."""

    id: str
    """Name of its folder."""
    folder: JobFolder
    state: JobState
    config: TrainingConfig
    photos: int
    character: str = ""
    """Slug; empty for a job that was made elsewhere and put here."""
    lora: str = ""
    """Id of the LoRA that came of it."""
    warnings: tuple[str, ...] = ()
    plan: Mapping[str, Any] | None = None
    """What was foreseen when it was made."""


@dataclass(frozen=True, kw_only=True)
class Made:
    """What a wish led to."""

    job: Job
    known: bool
    """The very same training was there already: `job` is that one."""


class Jobs:
    """Reads when asked; what did not change on the disk is not read again."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._read: dict[str, tuple[tuple[int, ...], Job]] = {}
        self._turn = threading.Lock()
        self._unmarked: set[str] = set()
        """Jobs of which it was logged that they could not be marked."""

    def path(self, job_id: str) -> Path:
        """Where a job of that id is, if there is one. Raises NAME_INVALID."""
        return names.inside(self._library.jobs, job_id)

    def folder(self, job_id: str) -> JobFolder:
        """The job's folder. Raises NAME_INVALID, JOB_MISSING."""
        path = self.path(job_id)
        if not (path / "config.json").is_file():
            raise IsengardError(
                "JOB_MISSING", f"There is no job {names.shown(job_id)}.", hint="Look at the list of jobs."
            )
        return JobFolder(path)

    def get(self, job_id: str) -> Job:
        """One job; one that is done has its LoRA. Raises NAME_INVALID, JOB_MISSING, JOB_CORRUPT, CONFIG_UNREADABLE."""
        folder = self.folder(job_id)
        stamp = tuple(
            stamp for file in (folder.state_file, folder.config_file, folder.path / ORIGIN) for stamp in _stamp(file)
        )
        with self._turn:
            known = self._read.get(job_id)
        if known is not None and known[0] == stamp:
            return known[1]
        state, origin = folder.state(), read_origin(folder)
        lora = str(origin.get("lora") or "")
        if state.state == "done" and not lora:
            lora = finished.settle(self._library, folder)
        job = Job(
            id=job_id,
            folder=folder,
            state=state,
            config=folder.config(),
            photos=origin.get("photos") or len(folder.dataset()),
            character=origin.get("character") or "",
            lora=lora,
            warnings=tuple(from_json(warning) for warning in origin.get("warnings") or ()),
            plan=origin.get("plan"),
        )
        if lora or state.state != "done" or not job.character:  # else it is looked at again
            with self._turn:
                self._read[job_id] = (stamp, job)
        return job

    def ids(self) -> list[str]:
        """All job folders, damaged ones too."""
        try:
            found = [path for path in self._library.jobs.iterdir() if names.is_safe(path.name)]
        except FileNotFoundError:
            return []
        return sorted(path.name for path in found if (path / "config.json").is_file())

    def all(self) -> tuple[list[Job], list[tuple[str, IsengardError]]]:
        """All jobs, the latest first, and those that can't be read with their errors."""
        found, broken = [], []
        for job_id in self.ids():
            try:
                found.append(self.get(job_id))
            except IsengardError as problem:
                if problem.code != "JOB_MISSING":  # deleted while we looked
                    broken.append((job_id, problem))
        found.sort(key=lambda job: (job.state.created, job.id), reverse=True)
        return found, broken

    def create(self, wish: Wish, *, again: bool = False, correlation_id: str = "") -> Made:
        """Makes a job of a character's photos, queued. Without `again` a training that gives the same LoRA is found.

        Raises what stands in the way, the first obstacle with all in `details["obstacles"]`, and what `make_job` does.
        """
        plan = make_plan(self._library, wish)
        if plan.obstacles:
            raise _in_the_way(plan.obstacles)
        character = plan.character
        with made_aside(self._library.jobs, character.id) as (aside, job_id):
            made = make_job(
                aside,
                lambda photos: config_for(character, wish, photos),
                self._library.folder(character.id).images,
                correlation_id=correlation_id,
            )
            if not again and (twin := self._twin(character.id, made.job)) is not None:
                return Made(job=twin, known=True)
            warnings = [to_json(warning) for warning in made.warnings]
            origin = {"character": character.id, "warnings": warnings, "plan": describe(plan)}
            put(self._library.jobs, aside, job_id, origin)
        return Made(job=self.get(job_id), known=False)

    def train_again(self, job_id: str, changes: Mapping[str, Any], *, correlation_id: str = "") -> Job:
        """A new job with photos and cache of another and some other settings. Raises CONFIG_INVALID, DISK_FULL."""
        _check_changes(changes)
        old = self.get(job_id)
        slug = old.character or "job"
        with made_aside(self._library.jobs, slug) as (aside, new_id):
            train_again(old.folder, aside, dict(changes), correlation_id=correlation_id)
            put(self._library.jobs, aside, new_id, {"character": old.character, "again": job_id, "plan": old.plan})
        return self.get(new_id)

    def on_transformer(self, job_id: str, transformer: Path, *, correlation_id: str = "") -> Job:
        """The same training on another file of its base model: the job itself if nothing was trained yet, else one that
        is there already, else a new one. Raises MODEL_MISSING and what else keeps a file from being trained on."""
        job = self.get(job_id)
        if job.config.base.transformer and Path(job.config.base.transformer) == transformer:
            return job
        base = dataclasses.replace(job.config.base, transformer=str(transformer))
        check_base(job.config.family, base, encoders=False)
        config = job.config.replace(base=asdict(base))
        if (twin := self._twin(job.character, job.folder, config)) is not None:
            return twin
        if job.state.state == "queued" and not checkpoints(job.folder):
            change_config(job.folder, {"base": asdict(base)})
            return self.get(job_id)
        with made_aside(self._library.jobs, job.character or "job") as (aside, new_id):
            train_again(job.folder, aside, {"base": asdict(base)}, correlation_id=correlation_id)
            put(self._library.jobs, aside, new_id, {"character": job.character, "again": job_id, "plan": job.plan})
        return self.get(new_id)

    def change(self, job_id: str, changes: Mapping[str, Any]) -> Job:
        """Changes settings of a job that no process works on. Raises JOB_LOCKED, JOB_FINISHED, CONFIG_INVALID."""
        _check_changes(changes)
        config = change_config(self.folder(job_id), dict(changes))
        with self.folder(job_id).writer() as writer:
            if writer.state.steps != config.steps:
                writer.plan_steps(config.steps)
        return self.get(job_id)

    def delete(self, job_id: str) -> trash.Entry:
        """Puts a job into the trash; its LoRA stays. Raises JOB_LOCKED for one that is being trained."""
        folder = self.folder(job_id)
        if (owner := folder.owner()) is not None:
            raise IsengardError(
                "JOB_LOCKED", f"The job is being trained by process {owner.pid}.", hint="Cancel it first."
            )
        try:
            job = self.get(job_id)
            label, slug = f"Training of {job.config.name}", job.character
        except IsengardError:
            label, slug = f"Training {job_id}", ""
        entry = trash.new_entry("job", label, slug)
        with self._library.changing() as change:
            trash.throw_away(self._library, change, entry, [folder.path])
        with self._turn:
            self._read.pop(job_id, None)
        return entry

    def finish(self, job_id: str) -> str:
        """Registers the LoRA of a job that is done with its character, once. Returns its id.

        Reading the job does this, too; here it is told why it can't be done. Raises JOB_CORRUPT, CHARACTER_MISSING.
        """
        return finished.register(self._library, self.folder(job_id))

    def keep_checkpoint(self, job_id: str, step: int) -> loras.Lora:
        """Registers a checkpoint's LoRA with the job's character. Raises CHECKPOINT_MISSING, CHARACTER_MISSING."""
        job = self.get(job_id)
        found = checkpoints(job.folder).get(step)
        if found is None:
            raise IsengardError("CHECKPOINT_MISSING", f"The job has no checkpoint of step {step}.")
        return loras.register(
            self._library,
            job.character,
            found,
            job=job.id,
            step=step,
            family=job.config.family,
            trigger_word=job.config.trigger_word,
            base={part: path for part, path in asdict(job.config.base).items() if path},
        )

    def tidy(self) -> None:
        """After a start: clears what a killed process left, marks jobs whose process is gone, registers LoRAs."""
        clear(self._library.jobs)
        finished.take_in(self._library)
        self.mark_all_gone(but="")

    def mark_all_gone(self, but: str) -> None:
        """`mark_gone` for all jobs but one, whose supervisor will say more."""
        for job in self.all()[0]:
            if job.id != but and job.state.state in ACTIVE:
                self.mark_gone(job.id)

    def mark_gone(self, job_id: str) -> None:
        """Says that a job is interrupted, if its state says that it runs and no process works on it.

        Never fails: where that can't be written (a full disk, a folder that may only be read) it is logged once.
        """
        try:
            job = self.get(job_id)
            if job.state.state in ACTIVE and job.folder.owner() is None:
                job.folder.mark_interrupted(Said("ended.program_gone", "the program that trained it is gone"))
        except (IsengardError, OSError) as problem:
            if job_id not in self._unmarked:
                _LOG.warning("a job could not be marked as interrupted", job=job_id, problem=str(problem))
            self._unmarked.add(job_id)

    def _twin(self, slug: str, new: JobFolder, config: TrainingConfig | None = None) -> Job | None:
        """A job that gives the same LoRA: the furthest of those that weren't given up. `config` in place of its own."""
        wanted = identity(new, config)
        order = ("done", *ACTIVE, "queued", *RESUMABLE)
        found = [job for job in self.all()[0] if job.character == slug and identity(job.folder) == wanted]
        return min(found, key=lambda job: order.index(job.state.state), default=None)


def _in_the_way(obstacles: tuple[IsengardError, ...]) -> IsengardError:
    first = obstacles[0]
    return IsengardError(
        first.code,
        first.message,
        hint=first.hint,
        **{**first.details, "obstacles": [told(item) for item in obstacles]},
    )


def _check_changes(changes: Mapping[str, Any]) -> None:
    fixed = [name for name in OWN if name in changes]
    if fixed:
        problems = [f"{name} can't be changed in a job." for name in fixed]
        raise IsengardError("CONFIG_INVALID", " ".join(problems), problems=problems)


def _stamp(file: Path) -> tuple[int, int, int]:
    try:
        found = file.stat()
        return found.st_mtime_ns, found.st_ino, found.st_size
    except OSError:
        return 0, 0, 0
