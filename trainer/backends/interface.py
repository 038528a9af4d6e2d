"""What a training backend must offer, and what it is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ..config import TrainingConfig
from ..job import JobFolder
from ..reporter import Reporter
from ..wishes import Wishes


@dataclass(frozen=True)
class Run:
    """One attempt at a job, in the trainer's process."""

    job: JobFolder
    config: TrainingConfig
    reporter: Reporter
    wishes: Wishes


class Backend(Protocol):
    """Turns a job folder into a LoRA."""

    name: str

    def check(self, config: TrainingConfig, job: JobFolder | None = None) -> None:
        """Looks whether a training can begin, quickly and without loading weights; raises what stands in the way.

        Without a job: whether one can be made with these settings.
        """

    def prepare(self, run: Run) -> str:
        """Fills the job's cache only. Returns `queued`, or `paused`, `cancelled` or `interrupted` if it was stopped."""

    def train(self, run: Run) -> str:
        """Trains to the end or to a stop, from the newest complete checkpoint if there is one.

        Moves the state from preparing to training by itself; returns the state that the job ends in: `done`
        (result.json is written), `paused`, `cancelled` or `interrupted` (the step is saved). Raises `IsengardError`
        for a failure.
        """
