"""Says at the end of a training how like the person its samples were measured to be."""

from __future__ import annotations

import sys
from pathlib import Path

from ..errors import IsengardError
from ..library.likeness import measuring
from ..library.likeness.measuring import Likeness
from ..trainer.job import JobFolder


def measure_and_tell(job: JobFolder, models: Path) -> Likeness | None:
    """Looks at the samples, prints what was found, and gives it; None if it could not be measured, which is told."""
    try:
        measuring.measure(models, job)
        found = measuring.measured(job)
    except IsengardError as error:
        print(f"Note: {error.code}: {error.message} {error.hint}", file=sys.stderr)
        return None
    for line in lines(found):
        print(line)
    return found


def lines(found: Likeness) -> list[str]:
    """For people."""
    if found.missing:
        return [f"Likeness: not measured. {found.missing}"]
    rated = [step for step in found.steps if step.likeness is not None]
    if not rated:
        return ["Likeness: not measured, no sample shows a face." if found.steps else "Likeness: there are no samples."]
    told = ", ".join(f"step {step.step}: {step.likeness:.2f}" for step in rated)
    reach = f" ({found.among_photos:.2f} is how like each other the photos are)" if found.among_photos else ""
    text = [f"Likeness: {told}{reach}"]
    if found.recommended is not None:
        text.append(f"          Step {found.recommended} is the earliest that no later one beats by more than chance.")
    first, last = rated[0], rated[-1]
    if first.step == 0 and last.leak is not None and first.leak is not None:
        text.append(
            f"          Without the trigger word: {first.leak:.2f} before, {last.leak:.2f} after; less is better."
        )
    return text
