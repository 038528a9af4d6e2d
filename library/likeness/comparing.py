"""From vectors of faces to scores: how like the photos' person a picture is, and from which step on nothing is gained.

A vector has unit length, so that the product of two is their cosine: 1 is the same, about 0 are strangers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = Sequence[float] | None
"""None: no face was found."""
Scores = Mapping[tuple[int, int], float | None]
"""(step, prompt) → how like the person that picture is; None without a face."""
_NEAREST = 5
"""A face is compared with so many of the photos' that are most like it: not every pose is like every other."""
_LEAST_DIFFERENCE = 0.01
"""Less than this nobody sees."""
_MOST_NOISE = 0.03
"""More than this is not put down to chance, however few prompts there are to tell."""


@dataclass(frozen=True, kw_only=True)
class StepScore:
    """How like the person the samples of one step are."""

    step: int
    likeness: float | None
    """Mean over the pictures with a face; None if no picture had one."""
    seen: int
    """Pictures with a face."""
    pictures: int
    leak: float | None = None
    """The same of the pictures that were asked for without the trigger word: the higher above what it was at step 0,
    the more the person has become everybody. None where there are none."""


def compared(picture: Vector, photos: Sequence[Vector]) -> float | None:
    """Mean cosine with the photos that are most like it; None without a face, in the picture or in all photos."""
    known = _matrix(photos)
    if picture is None or not len(known):
        return None
    return _nearest(known @ np.asarray(picture, dtype=np.float32))


def among(photos: Sequence[Vector]) -> float | None:
    """The same for the photos themselves, each against the others: what can be reached. None with fewer than two."""
    known = _matrix(photos)
    if len(known) < 2:
        return None
    alike = known @ known.T
    return float(np.mean([_nearest(np.delete(row, place)) for place, row in enumerate(alike)]))


def by_step(scores: Scores, without_word: Scores | None = None) -> list[StepScore]:
    """Sums up by step the pictures that were asked for with the trigger word, and those without it."""
    return [_of_step(step, scores, without_word or {}) for step in sorted({step for step, _ in scores})]


def _of_step(step: int, scores: Scores, without_word: Scores) -> StepScore:
    asked = [score for (at, _), score in scores.items() if at == step]
    seen = [score for score in asked if score is not None]
    others = [score for (at, _), score in without_word.items() if at == step and score is not None]
    return StepScore(
        step=step,
        likeness=round(float(np.mean(seen)), 4) if seen else None,
        seen=len(seen),
        pictures=len(asked),
        leak=round(float(np.mean(others)), 4) if others else None,
    )


def recommended(scores: Scores, steps: Sequence[int]) -> int | None:
    """The earliest of these steps that is as good as the best: worse by less than the standard error of their
    difference, prompt by prompt, and by little. Longer training stiffens, so what gains nothing is not taken.

    Only steps that show a face in at least half of their pictures count. None where there are fewer than two.
    """
    rated = [
        one
        for one in by_step(scores)
        if one.step in steps and one.likeness is not None and one.seen * 2 >= one.pictures
    ]
    if len(rated) < 2:
        return None
    best = max(rated, key=lambda one: one.likeness or 0.0)
    return next(one.step for one in rated if one.step == best.step or _as_good(scores, one.step, best.step))


def _as_good(scores: Scores, step: int, best: int) -> bool:
    """Whether `step` can't be told from `best` by the prompts that both were asked."""
    differences = [
        float(better) - float(score)
        for (at, prompt), score in scores.items()
        if at == step and score is not None and (better := scores.get((best, prompt))) is not None
    ]
    if not differences:
        return False
    noise = float(np.std(differences, ddof=1)) / len(differences) ** 0.5 if len(differences) > 1 else 0.0
    return float(np.mean(differences)) <= max(min(noise, _MOST_NOISE), _LEAST_DIFFERENCE)


def _matrix(vectors: Sequence[Vector]) -> NDArray[np.float32]:
    rows = [vector for vector in vectors if vector is not None]
    return np.asarray(rows, dtype=np.float32) if rows else np.empty((0, 0), dtype=np.float32)


def _nearest(cosines: NDArray[np.float32]) -> float:
    return float(np.sort(cosines)[-_NEAREST:].mean())
