"""What both hosts' queues can do: the standalone one, and the one of ComfyUI's prompts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Queue(Protocol):
    """What the API asks of whoever runs jobs. All may be called from any thread; they write files.

    Raise NAME_INVALID, JOB_MISSING, JOB_STATE, JOB_FINISHED, JOB_LOCKED.
    """

    def enqueue(self, job_id: str) -> None:
        """Puts a job whose state is queued at the end."""

    def pause(self, job_id: str) -> None:
        """A running job saves and becomes paused; a queued one is passed over until it is resumed."""

    def cancel(self, job_id: str) -> None:
        """Ends a job. What is saved stays: it can be resumed."""

    def resume(self, job_id: str, correlation_id: str = "") -> None:
        """Puts a stopped job at the end; it goes on from its last checkpoint."""

    def ask(self, job_id: str, *, sample: bool = False, save: bool = False) -> None:
        """Has the trainer that runs make sample pictures, or a checkpoint, after its next step."""

    def order(self) -> list[str]:
        """The waiting jobs, the next one first."""

    def reorder(self, job_ids: Sequence[str]) -> list[str]:
        """Puts these waiting jobs in front, in this order. Returns the whole order."""

    @property
    def running(self) -> str:
        """The job that runs now, or nothing."""

    async def start(self) -> None:
        """Begins to run what waits."""

    async def stop(self) -> None:
        """Ends; a running job is left resumable."""
