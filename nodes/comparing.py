"""A grid of a job's checkpoints at several strengths: which one is the best likeness that still does as it is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import IsengardError
from ..library.job_files import checkpoints
from ..library.jobs import Job
from . import applying, drawing, latents, picturing, tensors
from .training import Canvas

if TYPE_CHECKING:
    from PIL import Image

MOST = 48
"""Pictures of a grid."""
Painter = Callable[[Path, float], "Image.Image | None"]
"""Makes one picture with a LoRA at a strength; None if it was interrupted."""


def parse_strengths(text: str) -> list[float]:
    """`0.6, 0.8 1` as numbers from 0 to 2. Raises GENERATION_INVALID."""
    try:
        found = [float(part) for part in text.replace(",", " ").split()]
    except ValueError:
        found = []
    if not found or not all(0 <= value <= 2 for value in found):
        problem = f"strengths must be numbers from 0 to 2, such as 0.6, 0.8, 1, got {text[:60]!r}."
        raise IsengardError("GENERATION_INVALID", problem, problems=[problem])
    return found


def chosen_checkpoints(job: Job, most: int) -> dict[int, Path]:
    """The LoRAs of at most so many checkpoints, spread evenly, with the last. Raises CHECKPOINT_MISSING."""
    found = checkpoints(job.folder)
    if not found:
        raise IsengardError("CHECKPOINT_MISSING", f"The job {job.id} has no checkpoint yet.", hint="Train it first.")
    steps = sorted(found)
    last = len(steps) - 1
    kept = {round(index * last / max(1, most - 1)) for index in range(most)} if len(steps) > most else range(len(steps))
    return {steps[index]: found[steps[index]] for index in sorted({*kept, last})[-most:]}


def draw_grid(found: dict[int, Path], strengths: list[float], paint: Painter, canvas: Canvas) -> Image.Image | None:
    """Paints and labels them; None if the canvas was interrupted. Raises GENERATION_INVALID for too many."""
    total = len(found) * len(strengths)
    if total > MOST:
        problem = f"A grid holds at most {MOST} pictures, and this one would have {total}."
        raise IsengardError("GENERATION_INVALID", problem, problems=[problem])
    rows: list[list[Image.Image]] = []
    for file in found.values():
        rows.append([])
        for strength in strengths:
            picture = None if canvas.interrupted() else paint(file, strength)
            if picture is None:
                return None
            rows[-1].append(picture)
            canvas.show(sum(map(len, rows)), total, rows[-1][-1])
    return drawing.labelled_grid(
        [f"step {step}" for step in found], [f"strength {strength:g}" for strength in strengths], rows
    )


def mini_painter(job: Job, prompt: str, *, seed: int, steps: int, canvas: Canvas) -> Painter:
    """Paints with the embedded model."""

    def paint(file: Path, strength: float) -> Image.Image | None:
        request = picturing.mini_request(
            prompt, file, job.config.trigger_word, strength=strength, width=0, height=0, count=1, seed=seed, steps=steps
        )
        return next(iter(picturing.make(request, _Still(canvas))), None)

    return paint


def graph_painter(model: Any, vae: Any, positive: Any, latent: Any, *, seed: int, steps: int) -> Painter:
    """Paints with the model on the graph. Raises GRAPH_INCOMPLETE if something of it is missing."""
    named = {"model": model, "vae": vae, "positive": positive, "latent": latent}
    missing = [name for name, value in named.items() if value is None]
    if missing:
        raise IsengardError("GRAPH_INCOMPLETE", f"Checkpoint Grid needs {', '.join(missing)} for this job's model.")

    def paint(file: Path, strength: float) -> Image.Image:
        patched = applying.put_on(model, file, strength)
        images = latents.sample(patched, vae, positive, latent, seed=seed, steps=steps)
        return tensors.to_pictures(images)[0]

    return paint


class _Still:
    """Passes interrupts on and keeps the single picture's progress to itself."""

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas

    def show(self, done: float, total: float, preview: Image.Image | None = None) -> None:
        """Nothing: the grid has a progress of its own."""

    def say(self, text: str) -> None:
        """Passed on."""
        self._canvas.say(text)

    def interrupted(self) -> bool:
        """Passed on."""
        return self._canvas.interrupted()
