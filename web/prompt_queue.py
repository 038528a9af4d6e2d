"""ComfyUI's queue as the API sees it: a job is one or two prompts there, which carry its id.

The job's own files say what became of it; ComfyUI's queue says what waits and in which order. Nothing is kept beside
them: after a restart ComfyUI's queue is empty, and what waited in it is offered to be resumed.
"""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from .. import log
from ..errors import IsengardError
from ..library.jobs import Job, Jobs
from ..sentences import Said
from ..trainer.job import ACTIVE, RESUMABLE, ask, read_control
from ..trainer.supervisor import supervised
from .comfy_api import ComfyApi
from .job_moves import CANCELLED, PAUSED_BEFORE, ask_now, fail, stop_waiting, when_free
from .prompts import Graph, graphs_for

_LOOK_SECONDS = 1.5
"""How often ComfyUI's queue is looked at while something of ours is in it."""
_STARTED_ANEW = Said("ended.comfyui_anew", "ComfyUI was started anew, and its queue was empty")
_STOPPED_THERE = Said("ended.stopped_in_comfyui", "stopped in ComfyUI")
_TAKEN_OUT = Said("ended.taken_out", "taken out of ComfyUI's queue")
_LOG = log.get("web.prompt_queue")


@dataclass
class _Queued:
    """A job in ComfyUI's queue."""

    graphs: dict[str, Graph]
    """By prompt id, in their order."""
    again: str | None = None
    """Correlation id of who wants it to go on as soon as it has stopped."""
    numbers: dict[str, float] = field(default_factory=dict)
    """Places of the prompts that wait, as last seen."""


class PromptQueue:
    """Has the interface of `queue_interface.Queue`; its methods ask ComfyUI over HTTP and belong on worker threads."""

    def __init__(self, jobs: Jobs, address: Callable[[], str], *, changed: Callable[[], None] = lambda: None) -> None:
        self._jobs = jobs
        self._api = ComfyApi(address)
        self._changed = changed
        self._turn = threading.RLock()
        self._queued: dict[str, _Queued] = {}
        self._order: list[str] = []
        self._runs: list[str] = []
        """Prompts that run, as last seen."""
        self._task: asyncio.Task[None] | None = None

    @property
    def running(self) -> str:
        """The job whose trainer a node of this ComfyUI watches, or nothing."""
        return next((path.name for path in supervised()), "")

    async def start(self) -> None:
        """Looks after what an earlier ComfyUI left, then follows the queue."""
        await asyncio.to_thread(self._begin)
        self._task = asyncio.ensure_future(self._follow())

    async def stop(self) -> None:
        """Ends following it."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def enqueue(self, job_id: str) -> None:
        """See Queue. If ComfyUI does not take it, the job becomes paused."""
        with self._turn:
            job = self._jobs.get(job_id)
            known = self._queued.get(job_id)
            if known is not None and self._alive(known):
                return
            graphs = {str(uuid.uuid4()): graph for graph in graphs_for(job)}
            try:
                for prompt_id, graph in graphs.items():
                    self._api.put(graph, prompt_id, note={"job": job_id})
            except IsengardError as problem:
                self._take_back(list(graphs))
                stop_waiting(job.folder, "paused", problem.message, "pause")
                raise
            self._queued[job_id] = _Queued(graphs)
            self._glance()

    def order(self) -> list[str]:
        """See Queue."""
        with self._turn:
            return list(self._order)

    def reorder(self, job_ids: Sequence[str]) -> list[str]:
        """See Queue. The jobs share the places that they have among all prompts out anew."""
        with self._turn:
            self._look()
            unknown = [job_id for job_id in job_ids if job_id not in self._order]
            if unknown:
                raise IsengardError("JOB_STATE", f"{unknown[0][:80]!r} is not waiting in the queue.")
            first = list(dict.fromkeys(job_ids))
            wanted = [*first, *(job_id for job_id in self._order if job_id not in first)]
            waiting = {job_id: list(self._queued[job_id].numbers) for job_id in wanted}
            places = sorted(number for job_id in wanted for number in self._queued[job_id].numbers.values())
            self._api.delete([prompt_id for ids in waiting.values() for prompt_id in ids])
            lost: IsengardError | None = None
            for job_id in wanted:
                numbers = [places.pop(0) for _ in waiting[job_id]]
                try:
                    self._put_back(job_id, dict(zip(waiting[job_id], numbers, strict=True)))
                except IsengardError as problem:
                    lost = problem
            self._look()
            if lost is not None:
                raise lost
            return list(self._order)

    def _put_back(self, job_id: str, numbers: dict[str, float]) -> None:
        """Puts prompts of a job that were taken out into the queue again. If ComfyUI doesn't take them, the job becomes
        paused: nobody has cancelled it."""
        queued = self._queued[job_id]
        try:
            for prompt_id, number in numbers.items():
                self._api.put(queued.graphs[prompt_id], prompt_id, number=number, note={"job": job_id})
        except IsengardError as problem:
            del self._queued[job_id]
            self._take_back(list(queued.graphs))
            stop_waiting(self._jobs.get(job_id).folder, "paused", problem.message, "pause")
            raise

    def pause(self, job_id: str) -> None:
        """See Queue."""
        with self._turn:
            job = self._jobs.get(job_id)
            if job.state.state in ACTIVE:
                self._stop_active(job, "pause")
            elif job.state.state == "queued":
                self._stop_queued(job, "paused", PAUSED_BEFORE, "pause")
            elif job.state.state != "paused":
                raise IsengardError("JOB_STATE", f"A job that is {job.state.state} can't be paused.")

    def cancel(self, job_id: str) -> None:
        """See Queue."""
        with self._turn:
            job = self._jobs.get(job_id)
            if job.state.state == "done":
                raise IsengardError("JOB_STATE", "A job that is done can't be cancelled.", hint="Delete it instead.")
            if job.state.state in ACTIVE:
                self._stop_active(job, "cancel")
            elif job.state.state == "queued":
                self._stop_queued(job, "cancelled", CANCELLED, "cancel")
            elif job.state.state != "cancelled":
                stop_waiting(job.folder, "cancelled", CANCELLED, "cancel")

    def resume(self, job_id: str, correlation_id: str = "") -> None:
        """See Queue: it goes to the end, behind the pictures that wait."""
        with self._turn:
            job = self._jobs.get(job_id)
            if job.state.state in ACTIVE and job.folder.owner() is not None:
                if read_control(job.folder.control_file).stop:
                    ask(job.folder.control_file, stop="")
                    if (queued := self._queued.get(job_id)) is not None:
                        queued.again = correlation_id
                return
            if job.state.state != "queued":
                if (old := self._queued.pop(job_id, None)) is not None:
                    self._api.delete(list(old.graphs))
                when_free(job.folder, lambda: job.folder.requeue(correlation_id=correlation_id))
            self.enqueue(job_id)

    def ask(self, job_id: str, *, sample: bool = False, save: bool = False) -> None:
        """See Queue."""
        with self._turn:
            ask_now(self._jobs.get(job_id), sample=sample, save=save)

    def _stop_active(self, job: Job, wish: str) -> None:
        """The trainer, or the node that prepares, hears of it by control.json; the interrupt ends its prompt."""
        queued = self._queued.get(job.id)
        if queued is not None:
            queued.again = None
        if job.folder.owner() is None:
            self._jobs.mark_gone(job.id)
            if wish == "cancel":
                job.folder.cancel(CANCELLED)
            return
        ask(job.folder.control_file, stop=wish)
        if queued is not None:
            self._take_back(list(queued.graphs))

    def _stop_queued(self, job: Job, state: str, reason: str, wish: str) -> None:
        stop_waiting(job.folder, state, reason, wish)  # before its prompts end, so that nobody asks why they did
        queued = self._queued.pop(job.id, None)
        if queued is not None:
            self._take_back(list(queued.graphs))
        self._glance()

    def _glance(self) -> None:
        """`_look` behind a deed that is done whether ComfyUI answers now or not: it is looked at again soon."""
        try:
            self._look()
        except IsengardError as problem:
            _LOG.warning("the queue could not be looked at", code=problem.code, problem=problem.message)

    def _take_back(self, prompt_ids: list[str]) -> None:
        """Takes prompts out of the queue, and stops the one that runs."""
        try:
            self._api.delete(prompt_ids)
            for prompt_id in prompt_ids:
                self._api.interrupt(prompt_id)
        except IsengardError as problem:
            _LOG.warning("prompts could not be taken back", code=problem.code, problem=problem.message)

    def _alive(self, queued: _Queued) -> bool:
        """Whether a prompt of it waits or runs, as ComfyUI says now."""
        running, waiting = self._api.queue()
        return any(prompt_id in queued.graphs for prompt_id in [*running, *(item.id for item in waiting)])

    def _begin(self) -> None:
        self._jobs.tidy()
        for job in self._jobs.all()[0]:
            if job.state.state == "queued" and job.folder.owner() is None:
                with suppress(IsengardError):
                    stop_waiting(job.folder, "paused", _STARTED_ANEW, "pause")

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if self._queued or self._order:
                try:
                    await asyncio.to_thread(self._glance)
                except Exception:  # noqa: BLE001 (one bad moment must not end following the queue)
                    _LOG.exception("the queue could not be looked at")

    def _look(self) -> None:
        """Learns what waits and runs, and settles the jobs whose prompts are gone."""
        with self._turn:
            running, waiting = self._api.queue()
            places = {item.id: item.number for item in waiting}
            for job_id, queued in list(self._queued.items()):
                queued.numbers = {prompt_id: places[prompt_id] for prompt_id in queued.graphs if prompt_id in places}
                if not queued.numbers and not any(prompt_id in queued.graphs for prompt_id in running):
                    del self._queued[job_id]
                    self._settle(job_id, queued)
            order = [
                job_id
                for job_id, queued in sorted(
                    self._queued.items(), key=lambda item: min(item[1].numbers.values(), default=0.0)
                )
                if queued.numbers and not any(prompt_id in running for prompt_id in queued.graphs)
            ]
            if (order, running) != (self._order, self._runs):
                self._order, self._runs = order, running
                self._changed()

    def _settle(self, job_id: str, queued: _Queued) -> None:
        """The job's prompts are gone; if its own files don't say why yet, ComfyUI's history does."""
        try:
            job = self._jobs.get(job_id)
            if job.state.state == "done":
                self._jobs.finish(job_id)
            elif job.state.state in RESUMABLE and queued.again is not None:
                self.resume(job_id, queued.again)
            elif job.state.state == "queued":
                self._explain(job, queued)
        except IsengardError as problem:
            _LOG.warning("the end of a job could not be noted", code=problem.code, problem=problem.message)

    def _explain(self, job: Job, queued: _Queued) -> None:
        """A job that never began: a node before ours failed, or somebody took its prompts away in ComfyUI."""
        ends = [self._api.end_of(prompt_id) for prompt_id in queued.graphs]
        failed = next((message for end, message in ends if end == "error"), None)
        if failed is not None:
            fail(job.folder, IsengardError("COMFYUI_FAILED", failed))
        elif any(end == "interrupted" for end, _ in ends):
            stop_waiting(job.folder, "paused", _STOPPED_THERE, "pause")
        else:
            stop_waiting(job.folder, "cancelled", _TAKEN_OUT, "cancel")
