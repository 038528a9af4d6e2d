"""What the nodes Prepare and Train do, apart from their place on a canvas."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from .. import settings
from ..errors import IsengardError
from ..library import artifacts, basemodels, loras
from ..library.characters import Character
from ..library.job_files import identity
from ..library.jobs import Job, Jobs
from ..library.losses import read_losses
from ..library.plans import Wish
from ..library.store import Library
from ..trainer.hosted import prepare_here
from ..trainer.job import JobFolder
from . import choices, drawing, tensors
from .kinds import JobRef, TrainingSet
from .supervising import Event, supervise

if TYPE_CHECKING:
    from PIL import Image

_CHART_POINTS = 1500


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What a training gave."""

    job: Job
    lora: str
    """Name as ComfyUI's LoRA loaders know it; empty for a job that belongs to no character."""
    file: Path
    """The LoRA; of such a job, its folder."""
    samples: list[Image.Image]
    """Those of the last step that has some."""
    chart: Image.Image


def wish_for(
    character: Character | None,
    training_set: TrainingSet | None,
    *,
    preset: str,
    base_model: str,
    steps: int,
    rank: int,
    more: str,
    encoders: bool,
) -> Wish:
    """What Prepare's inputs ask for. Raises GRAPH_INCOMPLETE, CONFIG_INVALID."""
    chosen = training_set.character if training_set is not None else character
    if chosen is None:
        raise IsengardError("GRAPH_INCOMPLETE", "Prepare needs a character, a training set or a job.")
    given = {**({"steps": steps} if steps else {}), **({"rank": rank} if rank else {}), **_settings(more)}
    if training_set is not None:
        given.setdefault("resolutions", [training_set.resolution])
    family = "" if base_model == choices.MODE_DEFAULT else base_model
    return Wish(character=chosen.id, preset=preset, family=family, settings=given, encoders=encoders)


def check_encoders(vae: Any, clip: Any) -> bool:
    """Whether the graph's encoders are to be used. Raises GRAPH_INCOMPLETE if one of the two is missing."""
    if (vae is None) != (clip is None):
        missing = "VAE" if vae is None else "CLIP"
        raise IsengardError(
            "GRAPH_INCOMPLETE", f"Prepare was given one encoder only; the {missing} is missing: connect both or none."
        )
    return vae is not None


def prepare(jobs: Jobs, ref: JobRef, vae: Any, clip: Any, canvas: Canvas) -> bool:
    """Encodes a job's photos and words with the graph's encoders, if there are any and the job is not done.

    Returns whether it was stopped on the way. Raises what it failed of.
    """
    job = jobs.get(ref.id)
    if vae is None or job.config.family == "mini" or job.state.state == "done":
        return False
    from .encoders import GraphCodec

    codec, board = GraphCodec(job.folder, vae, clip), Board(job, canvas)
    return not prepare_here(
        job.folder, codec, listener=board, interrupted=canvas.interrupted, correlation_id=job.state.correlation_id
    )


def job_for(jobs: Jobs, ref: JobRef, base_model: str, *, again: bool) -> Job | None:
    """The job that Train is to run: the one given, the same on another base file, or a new one of a done one.

    None: it was stopped and is not to go on.
    """
    job = jobs.get(ref.id)
    if not ref.go_on and job.state.state not in ("queued", "done"):
        return None
    if base_model not in ("", choices.AS_IN_JOB) and job.config.family != "mini":
        chosen = basemodels.files_for(job.config.family, {"transformer": base_model})
        job = jobs.on_transformer(job.id, Path(chosen["transformer"]))
    if again and job.state.state == "done":
        job = begun_again(jobs, job) or jobs.train_again(job.id, {})
    return job


def begun_again(jobs: Jobs, done: Job) -> Job | None:
    """The same training that was begun anew and stopped on the way: that one is to go on, and not a third to begin."""
    wanted = identity(done.folder)
    return next(
        (
            job
            for job in jobs.all()[0]
            if job.character == done.character
            and job.state.state in ("queued", "paused", "interrupted", "failed")
            and identity(job.folder) == wanted
        ),
        None,
    )


def train(jobs: Jobs, job: Job, canvas: Canvas, free: Callable[[], None]) -> bool:
    """Trains a job to its end, unless it is done. Returns whether it is done; if not, it was stopped by somebody.

    Raises what it failed of.
    """
    if job.state.state == "done":
        return True
    free()
    state = supervise(job.folder, Board(job, canvas), canvas.interrupted, correlation_id=job.state.correlation_id)
    if state == "done":
        jobs.finish(job.id)
    elif state not in ("paused", "cancelled") and not canvas.interrupted():
        raise _failure(job.folder)
    return state == "done"


class Canvas(Protocol):
    """The node that works, as people see it."""

    def show(self, done: float, total: float, preview: Image.Image | None = None) -> None:
        """Moves the progress bar."""

    def say(self, text: str) -> None:
        """Puts a line of text on the node."""

    def interrupted(self) -> bool:
        """Whether the node was asked to stop."""


class Board:
    """Shows a job's events on the canvas."""

    def __init__(self, job: Job, canvas: Canvas) -> None:
        self._job, self._canvas = job, canvas
        self._at: tuple[float, float] = (0, 1)

    def __call__(self, event: Event) -> None:
        """Takes one event."""
        if event["type"] == "progress" and event.get("total"):
            self._at = event["done"], event["total"]
            self._canvas.show(*self._at)
        elif event["type"] == "sample":
            with suppress(OSError):
                self._canvas.show(*self._at, tensors.load(self._job.folder.path / event["file"]))
        if text := sentence(event, self._job.config.steps):
            self._canvas.say(text)


def result_of(library: Library, jobs: Jobs, job_id: str) -> Trained:
    """What a job that is done gave; its LoRA is put back if somebody took it away. Raises JOB_CORRUPT."""
    job = jobs.get(job_id)
    lora, file = "", job.folder.path
    if job.character:
        found = jobs.finish(job_id)
        try:
            known = loras.find(library, found)
            if not loras.path_of(library, known).is_file():
                raise IsengardError("LORA_MISSING", f"{known.file} was taken away.")
        except IsengardError as problem:
            if problem.code != "LORA_MISSING":
                raise
            known = jobs.keep_checkpoint(job_id, job.config.steps)
        file = loras.path_of(library, known)
        lora = name_for_loaders(file)
    points = read_losses(job.folder.events_file, most=_CHART_POINTS).points
    title = f"{job.config.name}: {job.config.steps} steps"
    return Trained(job=jobs.get(job_id), lora=lora, file=file, samples=last_samples(job.folder),
                   chart=drawing.loss_chart(points, title))  # fmt: skip


def last_samples(folder: JobFolder) -> list[Image.Image]:
    """The sample pictures of the last step that has some, as they lie in the job: events of one from elsewhere may name
    other files."""
    found = [item for item in artifacts.list_all(folder) if item.kind == "sample"]
    last = max((item.step or 0 for item in found), default=0)
    shown = sorted((item.index or 0, item.path) for item in found if item.step == last)
    return [tensors.load(path) for _, path in shown]


def name_for_loaders(path: Path) -> str:
    """A LoRA's name in ComfyUI's lists: its place below one of the LoRA folders, else the whole path."""
    for folder in settings.model_folders("loras"):
        if path.is_relative_to(folder):
            return str(path.relative_to(folder))
    return str(path)


def sentence(event: Event, config_steps: int) -> str:
    """An event as a line on the node; empty for one that says nothing there."""
    kind = event["type"]
    if kind == "progress" and event.get("phase") == "train":
        left = event.get("seconds_left")
        return f"Step {event['done']} of {event['total']}" + (f", {_time(left)} left" if left else "")
    if kind == "progress":
        return f"{event.get('message') or event.get('phase', '')} ({event['done']}/{event['total']})"
    if kind == "loss":
        return f"Step {event['step']} of {config_steps}, loss {event['smoothed']:.4f}"
    if kind == "state" and event["state"] != "training":
        return str(event["state"]).capitalize() + (f": {event['reason']}" if event.get("reason") else "")
    if kind in ("warning", "error"):
        return str(event.get("message", ""))
    return ""


def _settings(more: str) -> Mapping[str, Any]:
    if not more.strip():
        return {}
    try:
        found = json.loads(more)
    except (ValueError, RecursionError) as problem:
        raise IsengardError(
            "CONFIG_INVALID", f"The settings are no JSON: {problem}.", hint='Write for example {"learning_rate": 2e-4}.'
        ) from problem
    if not isinstance(found, dict):
        raise IsengardError(
            "CONFIG_INVALID",
            "The settings must be a JSON object.",
            hint='Write for example {"learning_rate": 2e-4}.',
        )
    return found


def _failure(folder: JobFolder) -> IsengardError:
    """What a job's state says that it ended of."""
    state = folder.state()
    told = state.error or {}
    code = str(told.get("code", "")) or "TRAINER_DIED"
    message = (
        str(told.get("message", "")) or f"The training ended as {state.state}: {state.reason or 'no reason given'}."
    )
    try:
        return IsengardError(code, message, hint=told.get("hint"))
    except KeyError:
        return IsengardError("TRAINER_DIED", message)


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
